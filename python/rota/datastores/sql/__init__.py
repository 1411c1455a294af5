"""The parts of `SQLAlchemyDataStore`; private.

`tables` and `schema` are what is stored, `rows` how values of the model become rows and back. `tasks`, `schedules`,
`jobs` and `endings` hold the transactions, as plain functions of a connection. What differs between
databases is in one file for each, below `_dialect`; `transactions` and `outages` see to commits and failures.
"""
