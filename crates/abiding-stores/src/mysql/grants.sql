-- What the user of an application needs, and no more. To be run by an administrator when the tables are made:
-- by opening the store once, or from `MysqlOptions::schema_sql()`. Put the names of your own in the place of
-- `shop` (the database), `abiding_sessions` (the table) and 'shop'@'%' (the user, and where he comes from).
--
-- The user opens the store with `create(false)`, or with the default: it finds everything made.
-- He cannot make, change or drop a table, nor empty one at a stroke.
GRANT SELECT, INSERT, UPDATE, DELETE ON `shop`.`abiding_sessions` TO 'shop'@'%';
GRANT SELECT ON `shop`.`abiding_schema` TO 'shop'@'%';
