//! What to do with fire times that have passed: keep the earliest, the latest, or all of them.

use crate::error::{Error, IterationLimitReached};
use crate::instant::Micros;
use crate::series::{Fire, Series, State};
use crate::steps::Search;

/// Which fire times to keep of those that have passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The first.
    Earliest,
    /// The last.
    Latest,
    /// The first so many.
    All {
        /// How many.
        limit: usize,
    },
}

impl Policy {
    /// The policy of a number.
    ///
    /// # Errors
    ///
    /// There is no such policy, or the limit leaves no room for a fire time.
    pub fn new(number: i64, limit: i64) -> Result<Policy, Error> {
        let Some(limit_size) = usize::try_from(limit).ok().filter(|limit| *limit > 0) else {
            return Err(if (0..=2).contains(&number) {
                Error::Limit(limit)
            } else {
                Error::Policy(number)
            });
        };
        match number {
            0 => Ok(Policy::Earliest),
            1 => Ok(Policy::Latest),
            2 => Ok(Policy::All { limit: limit_size }),
            _ => Err(Error::Policy(number)),
        }
    }
}

/// What has passed after a fire time that is pending, and what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The fire times to keep: with `Latest` instead of the pending one, with `All` in addition to it.
    pub passed: Vec<(Micros, usize)>,
    /// The next fire time and its leaf.
    pub following: Option<(Micros, usize)>,
    /// The state after what follows.
    pub state: State,
}

/// Return what has passed by `now` of what follows a state.
///
/// # Errors
///
/// A meeting takes more iterations than it may.
pub fn due(
    series: &Series,
    state: &State,
    now: Micros,
    policy: Policy,
    search: &mut Search<'_>,
) -> Result<Due, IterationLimitReached> {
    let (passed, last, following) = match policy {
        Policy::All { limit } => first_overdue(series, state, now, limit - 1, search)?,
        Policy::Earliest | Policy::Latest => {
            // What lies between is computed, not walked.
            let last = series.skip(state, now.saturating_add(1), search)?;
            let following =
                series.advance(last.as_ref().unwrap_or(state), Micros::AFTER_ALL, search)?;
            let kept = last.as_ref().filter(|_| policy == Policy::Latest);
            let passed = kept
                .and_then(|last| Some((series.last_of(last)?, series.leaf_of(last, search.memos))));
            (passed.into_iter().collect(), last, following)
        }
    };
    Ok(match following {
        Some(fire) => Due { passed, following: Some((fire.at, fire.leaf)), state: fire.state },
        None => Due { passed, following: None, state: last.unwrap_or_else(|| state.clone()) },
    })
}

type Overdue = (Vec<(Micros, usize)>, Option<State>, Option<Fire>);

/// Return the first fire times until `now`, the state after them, and what follows them.
fn first_overdue(
    series: &Series,
    state: &State,
    now: Micros,
    limit: usize,
    search: &mut Search<'_>,
) -> Result<Overdue, IterationLimitReached> {
    let mut passed = Vec::new();
    let mut last = None;
    let mut next = series.advance(state, Micros::AFTER_ALL, search)?;
    while let Some(fire) = next.take_if(|fire| fire.at <= now && passed.len() < limit) {
        passed.push((fire.at, fire.leaf));
        next = series.advance(last.insert(fire.state), Micros::AFTER_ALL, search)?;
    }
    Ok((passed, last, next))
}
