-- What the role of an application needs, and no more. To be run with `psql` by the owner of the tables,
-- who has made them: by opening the store once, or from `PostgresOptions::schema_sql()`. For example
--
--     psql -v role=shop -v table=abiding_sessions -f grants.sql
--
-- The role opens the store with `create(false)`, or with the default: it finds everything made.
-- It cannot make, change or drop a table, nor empty one at a stroke.
GRANT SELECT, INSERT, UPDATE, DELETE ON :"table" TO :"role";
GRANT SELECT ON abiding_schema TO :"role";
