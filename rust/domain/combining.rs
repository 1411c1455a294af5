//! Unions of series.

use std::iter::zip;
use std::sync::Arc;

use crate::cron::transition::Memo;
use crate::error::{Error, IterationLimitReached};
use crate::instant::Micros;
use crate::series::{Fire, Series, Simple, State};
use crate::steps::Search;

/// A series within another one.
#[derive(Clone, Debug)]
pub struct Child {
    /// The series.
    pub series: Series,
    /// The number of leaves of those before it.
    pub first_leaf: usize,
}

impl Child {
    pub(crate) fn own<'a>(&self, memos: &'a mut [Memo]) -> &'a mut [Memo] {
        memos.get_mut(self.first_leaf..).unwrap_or_default()
    }

    pub(crate) fn within<'a>(&self, search: &'a mut Search<'_>) -> Search<'a> {
        search.at_leaf(self.first_leaf)
    }
}

/// Return the union of series: equal fire times once, of the first child that gives them.
///
/// # Errors
///
/// There are none.
pub fn any_of(children: Vec<Child>) -> Result<Series, Error> {
    if children.is_empty() {
        return Err(Error::NoChildren("any_of"));
    }
    let simple: Option<Box<[_]>> = children
        .iter()
        .map(|child| match &child.series {
            Series::Simple(series) => Some((Arc::clone(series), child.first_leaf)),
            _ => None,
        })
        .collect();
    Ok(match simple {
        Some(children) => Series::simple(Simple::Union(SimpleUnion { children })),
        None => Series::Union(Arc::new(MixedUnion { children: children.into() })),
    })
}

/// The union of simple series.
#[derive(Debug)]
pub struct SimpleUnion {
    children: Box<[(Arc<Simple>, usize)]>,
}

impl SimpleUnion {
    /// The first fire time later than `after`, and its leaf.
    #[must_use]
    pub fn fire_after(&self, after: Micros, memos: &mut [Memo]) -> Option<(Micros, usize)> {
        let mut earliest: Option<(Micros, usize)> = None;
        for (child, first_leaf) in &self.children {
            if let Some((at, leaf)) =
                child.fire_after(after, memos.get_mut(*first_leaf..).unwrap_or_default())
                && earliest.is_none_or(|(earliest, _)| at < earliest)
            {
                earliest = Some((at, first_leaf + leaf));
            }
        }
        earliest
    }

    /// The last fire time until `at`.
    #[must_use]
    pub fn last_at_or_before(&self, at: Micros) -> Option<Micros> {
        self.children.iter().filter_map(|(child, _)| child.last_at_or_before(at)).max()
    }
}

/// The union of series that are not all simple.
#[derive(Debug)]
pub struct MixedUnion {
    children: Box<[Child]>,
}

impl MixedUnion {
    /// The series that are united.
    #[must_use]
    pub fn children(&self) -> &[Child] {
        &self.children
    }

    pub(crate) fn advance(
        &self,
        state: &State,
        before: Micros,
        search: &mut Search<'_>,
    ) -> Result<Option<Fire>, IterationLimitReached> {
        let mut fires = Vec::with_capacity(self.children.len());
        for (position, child) in self.children.iter().enumerate() {
            fires.push(child.series.advance(
                state.child(position),
                before,
                &mut child.within(search),
            )?);
        }
        let pending = fires
            .iter()
            .enumerate()
            .filter_map(|(position, fire)| Some((fire.as_ref()?, position)));
        // Of equal ones `min_by_key` returns the first.
        let Some((earliest, position)) = pending.min_by_key(|(fire, _)| fire.at) else {
            return Ok(None);
        };
        let (at, leaf) = (earliest.at, self.children[position].first_leaf + earliest.leaf);
        let states = fires.into_iter().enumerate().map(|(position, fire)| match fire {
            Some(fire) if fire.at == at => fire.state,
            _ => state.child(position).clone(),
        });
        Ok(Some(Fire { at, leaf, state: State::Union(at, states.collect()) }))
    }

    pub(crate) fn skip(
        &self,
        state: &State,
        target: Micros,
        search: &mut Search<'_>,
    ) -> Result<Option<State>, IterationLimitReached> {
        let Some(states) = skip_all(&self.children, state, target, search)? else {
            return Ok(None);
        };
        let lasts =
            zip(&self.children, &states).filter_map(|(child, state)| child.series.last_of(state));
        Ok(lasts.max().map(|last| State::Union(last, states)))
    }

    pub(crate) fn last_of(state: &State) -> Option<Micros> {
        match state {
            State::Union(last, _) => Some(*last),
            _ => None,
        }
    }

    pub(crate) fn leaf_of(&self, state: &State, memos: &mut [Memo]) -> usize {
        leaf_of(&self.children, state, MixedUnion::last_of(state), memos)
    }

    pub(crate) fn position(&self, after: Micros) -> State {
        State::Union(after, positions(&self.children, after))
    }
}

/// Return the states of children after their last fire times earlier than `target`, or None if none has moved.
pub(crate) fn skip_all(
    children: &[Child],
    state: &State,
    target: Micros,
    search: &mut Search<'_>,
) -> Result<Option<Box<[State]>>, IterationLimitReached> {
    let mut states = Vec::with_capacity(children.len());
    let mut moved = false;
    for (position, child) in children.iter().enumerate() {
        let old = state.child(position);
        let new = child.series.skip(old, target, &mut child.within(search))?;
        moved |= new.is_some();
        states.push(new.unwrap_or_else(|| old.clone()));
    }
    Ok(moved.then(|| states.into()))
}

/// Return the leaf of the first child whose last fire time is that of all.
pub(crate) fn leaf_of(
    children: &[Child],
    state: &State,
    last: Option<Micros>,
    memos: &mut [Memo],
) -> usize {
    let mut leaves = children.iter().enumerate().filter_map(|(position, child)| {
        let state = state.child(position);
        (child.series.last_of(state) == last)
            .then(|| child.first_leaf + child.series.leaf_of(state, child.own(memos)))
    });
    leaves.next().unwrap_or(0)
}

pub(crate) fn positions(children: &[Child], after: Micros) -> Box<[State]> {
    children.iter().map(|child| child.series.position(after)).collect()
}
