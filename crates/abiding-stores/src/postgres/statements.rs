//! The statements, as text for one table and as one connection has prepared them.
//!
//! Every operation that writes is one statement, and so one transaction that begins and ends on the
//! server: none is ever open while this side waits, and a dropped future leaves nothing half done.

use tokio_postgres::{Client, Statement, types::Type};

use super::listen::channel;
use crate::table::COLUMNS;

/// The text of all statements for one table.
#[derive(Clone, Debug)]
pub(super) struct Texts {
    pub(super) find: String,
    pub(super) follow: String,
    pub(super) create: String,
    pub(super) create_all: String,
    pub(super) replace: String,
    pub(super) replace_all: String,
    pub(super) touch: String,
    pub(super) rotate: String,
    pub(super) delete: String,
    pub(super) farewell: String,
    pub(super) sweep: String,
    pub(super) scan: String,
    pub(super) of_subject: String,
    pub(super) end_subject: String,
}

/// The statements of one connection. That which ends the sessions of a subject is not among them: it
/// is two in one message, which cannot be prepared.
pub(super) struct Statements {
    pub(super) find: Statement,
    pub(super) follow: Statement,
    pub(super) create: Statement,
    pub(super) create_all: Statement,
    pub(super) replace: Statement,
    pub(super) replace_all: Statement,
    pub(super) touch: Statement,
    pub(super) rotate: Statement,
    pub(super) delete: Statement,
    pub(super) farewell: Statement,
    pub(super) sweep: Statement,
    pub(super) scan: Statement,
    pub(super) of_subject: Statement,
}

impl Texts {
    /// For a table, whose name is quoted already; `announces` where those that end or move a session tell so.
    pub(super) fn new(table: &str, announces: bool) -> Self {
        let tell = |key: &str| {
            let channel = channel(table);
            let tell = || format!(", pg_notify({channel}, encode({key}, 'hex'))");
            if announces { tell() } else { String::new() }
        };
        let for_table = |text: &str| {
            text.replace("{table}", table)
                .replace("{columns}", &COLUMNS.join(", "))
                .replace("{tell_$1}", &tell("$1"))
                .replace("{tell_$13}", &tell("$13"))
                .replace("{tell_key}", &tell("key"))
        };
        Self {
            find: for_table(FIND),
            follow: for_table(FOLLOW),
            create: for_table(CREATE),
            create_all: for_table(CREATE_ALL),
            replace: for_table(REPLACE),
            replace_all: for_table(REPLACE_ALL),
            touch: for_table(TOUCH),
            rotate: for_table(ROTATE),
            delete: for_table(DELETE),
            farewell: for_table(FAREWELL),
            sweep: for_table(SWEEP),
            scan: for_table(SCAN),
            of_subject: for_table(OF_SUBJECT),
            end_subject: for_table(END_SUBJECT),
        }
    }

    /// Prepares them all, in one round trip or two.
    pub(super) async fn prepare(
        &self,
        client: &Client,
    ) -> Result<Statements, tokio_postgres::Error> {
        let session = &[
            Type::BYTEA,
            Type::INT8,
            Type::INT8,
            Type::INT8,
            Type::INT8,
            Type::INT8,
            Type::INT8,
            Type::BYTEA,
            Type::BYTEA,
        ];
        let as_read = &[Type::INT8, Type::INT8, Type::INT8];
        let changed = [&session[..], as_read].concat();
        let rotated = [
            &changed[..],
            &[
                Type::BYTEA,
                Type::INT2,
                Type::INT8,
                Type::BYTEA,
                Type::BYTEA,
                Type::INT8,
            ],
        ]
        .concat();
        let bidden = [&changed[..], &[Type::BYTEA_ARRAY]].concat();
        let many = &[
            Type::BYTEA_ARRAY,
            Type::INT8_ARRAY,
            Type::INT8_ARRAY,
            Type::INT8_ARRAY,
            Type::INT8_ARRAY,
            Type::INT8_ARRAY,
            Type::INT8_ARRAY,
            Type::BYTEA_ARRAY,
            Type::BYTEA_ARRAY,
        ];
        let as_read = &[
            Type::INT8_ARRAY,
            Type::INT8_ARRAY,
            Type::INT8_ARRAY,
            Type::INT8,
        ];
        let many_changed = [&many[..], as_read].concat();
        let (
            find,
            follow,
            create,
            create_all,
            replace,
            replace_all,
            touch,
            rotate,
            delete,
            farewell,
            sweep,
            scan,
            of_subject,
        ) = tokio::try_join!(
            client.prepare_typed(&self.find, &[Type::BYTEA]),
            client.prepare_typed(&self.follow, &[Type::BYTEA, Type::INT8, Type::INT4]),
            client.prepare_typed(&self.create, session),
            client.prepare_typed(&self.create_all, many),
            client.prepare_typed(&self.replace, &changed),
            client.prepare_typed(&self.replace_all, &many_changed),
            client.prepare_typed(&self.touch, &[Type::BYTEA, Type::INT8, Type::INT8]),
            client.prepare_typed(&self.rotate, &rotated),
            client.prepare_typed(&self.delete, &[Type::BYTEA, Type::INT8, Type::BYTEA_ARRAY]),
            client.prepare_typed(&self.farewell, &bidden),
            client.prepare_typed(&self.sweep, &[Type::INT8, Type::INT8]),
            client.prepare_typed(&self.scan, &[Type::BYTEA, Type::INT8, Type::INT8]),
            client.prepare_typed(&self.of_subject, &[Type::BYTEA, Type::INT8]),
        )?;
        Ok(Statements {
            find,
            follow,
            create,
            create_all,
            replace,
            replace_all,
            touch,
            rotate,
            delete,
            farewell,
            sweep,
            scan,
            of_subject,
        })
    }
}

const FIND: &str = "SELECT {columns} FROM {table} WHERE key = $1";

/// The row under `$1` and those that aliases lead to, in their order, of one moment.
const FOLLOW: &str = "WITH RECURSIVE way AS ( \
     SELECT {columns}, 1 AS hop FROM {table} WHERE key = $1 UNION ALL \
     SELECT t.*, hop + 1 FROM way JOIN LATERAL \
     (SELECT {columns} FROM {table} WHERE key = way.payload) AS t ON true \
     WHERE way.kind = 1 AND way.ends > $2 AND hop < $3) \
     SELECT {columns} FROM way ORDER BY hop";

const CREATE: &str = "INSERT INTO {table} \
     (key, ends, created, seen, idle_deadline, absolute_deadline, version, subject, payload, kind, sweep_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $2) ON CONFLICT (key) DO NOTHING";

/// `created` never changes: `$3` is named so that the parameters are those of every session.
const REPLACE: &str = "UPDATE {table} SET ends = $2, created = $3, seen = $4, idle_deadline = $5, \
     absolute_deadline = $6, version = $7, subject = $8, payload = $9, sweep_at = least(sweep_at, $2) \
     WHERE key = $1 AND kind = 0 AND version = $10 AND seen = $11 AND idle_deadline = $12";

/// `$1` to `$9` are the columns of many sessions. Answers the keys that were free.
const CREATE_ALL: &str = "INSERT INTO {table} \
     (key, ends, created, seen, idle_deadline, absolute_deadline, version, subject, payload, kind, sweep_at) \
     SELECT n.*, 0, n.ends FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9) \
     AS n (key, ends, created, seen, idle_deadline, absolute_deadline, version, subject, payload) \
     ON CONFLICT (key) DO NOTHING RETURNING key";

/// `$1` to `$9` are the columns of many sessions, `$10` to `$12` how those were read that they replace, `$13` is now.
/// Answers the keys of those that still were so.
const REPLACE_ALL: &str = "UPDATE {table} AS t SET ends = n.ends, created = n.created, seen = n.seen, \
     idle_deadline = n.idle_deadline, absolute_deadline = n.absolute_deadline, version = n.version, \
     subject = n.subject, payload = n.payload, sweep_at = least(t.sweep_at, n.ends) \
     FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
     AS n (key, ends, created, seen, idle_deadline, absolute_deadline, version, subject, payload, \
     old_version, old_seen, old_idle_deadline) \
     WHERE t.key = n.key AND t.kind = 0 AND t.ends > $13 AND t.version = n.old_version AND t.seen = n.old_seen \
     AND t.idle_deadline = n.old_idle_deadline RETURNING t.key";

/// Writes nothing where a request of the same moment was quicker. No column that is written lies in an index.
const TOUCH: &str = "WITH moved AS (UPDATE {table} SET seen = greatest(seen, $3), \
     idle_deadline = greatest(idle_deadline, $2), ends = least(greatest(idle_deadline, $2), absolute_deadline) \
     WHERE key = $1 AND kind = 0 AND ends > $3 AND (idle_deadline < $2 OR seen < $3)) \
     SELECT kind FROM {table} WHERE key = $1 AND ends > $3";

/// `$1` to `$9` are the session under its new key, `$10` to `$12` how it was read under `$13`; `$14` to
/// `$17` are kind, end, payload and subject of what is left there. A taken key fails the statement as a whole.
///
/// `$18` is shared with whoever ends all sessions of the subject: he waits until the session is seen
/// under its new key, or it finds itself ended.
const ROTATE: &str = "WITH turn AS MATERIALIZED (SELECT 1 AS here FROM pg_advisory_xact_lock_shared($18)), \
     old AS (UPDATE {table} AS t SET kind = $14, ends = $15, sweep_at = $15, subject = $17, \
     payload = coalesce($16, payload) FROM turn \
     WHERE t.key = $13 AND kind = 0 AND version = $10 AND seen = $11 AND idle_deadline = $12 RETURNING turn.here{tell_$13}) \
     INSERT INTO {table} \
     (key, ends, created, seen, idle_deadline, absolute_deadline, version, subject, payload, kind, sweep_at) \
     SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $2 FROM old";

/// Removes what lies under `$1`, unless it leads on, and the aliases `$3` with it. Answers whether it was over.
const DELETE: &str = "WITH gone AS (DELETE FROM {table} WHERE key = $1 AND kind <> 1 RETURNING ends > $2 AS lived), \
     led AS (DELETE FROM {table} WHERE key = ANY ($3) AND kind = 1 AND EXISTS (SELECT FROM gone)) \
     SELECT lived{tell_$1} FROM gone";

/// `$1` to `$9` are what is left in the place of the session, `$10` to `$12` how that was read, `$13` the
/// aliases on the way to it.
const FAREWELL: &str = "WITH gone AS (UPDATE {table} SET kind = 2, ends = $2, sweep_at = $2, created = $3, seen = $4, \
     idle_deadline = $5, absolute_deadline = $6, version = $7, subject = $8, payload = $9 \
     WHERE key = $1 AND kind = 0 AND version = $10 AND seen = $11 AND idle_deadline = $12 RETURNING 1), \
     led AS (DELETE FROM {table} WHERE key = ANY ($13) AND kind = 1 AND EXISTS (SELECT FROM gone)) \
     SELECT 1{tell_$1} FROM gone";

/// Of up to `$2` rows whose time may have come by `$1`, and that nobody holds, removes those that are
/// over and puts the others back behind their end. A session that is used moves its end and not its
/// place in the index, so each is met here once in an idle timeout.
///
/// It does not wait for the disk: what a crash brings back is over all the same.
const SWEEP: &str = "WITH due AS MATERIALIZED (SELECT key, ends FROM {table} WHERE sweep_at <= $1 \
     ORDER BY sweep_at LIMIT $2 FOR UPDATE SKIP LOCKED), \
     gone AS (DELETE FROM {table} AS t USING due WHERE t.key = due.key AND due.ends <= $1 RETURNING 1), \
     later AS (UPDATE {table} AS t SET sweep_at = due.ends FROM due WHERE t.key = due.key AND due.ends > $1) \
     SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM due), set_config('synchronous_commit', 'off', true)";

const SCAN: &str =
    "SELECT {columns} FROM {table} WHERE key > $1 AND kind = 0 AND ends > $2 ORDER BY key LIMIT $3";

const OF_SUBJECT: &str = "SELECT {columns} FROM {table} WHERE subject = $1 AND kind = 0 AND ends > $2 \
     ORDER BY seen DESC, key";

/// Two statements in one message, which is one transaction. The second one's snapshot is taken when the
/// first has its lock, so it sees where every rotation has moved to; `{hops}` is how far it follows `{except}`.
const END_SUBJECT: &str = "SELECT pg_advisory_xact_lock({turn}); \
     WITH RECURSIVE way (key, kind, payload, hop) AS ( \
     SELECT key, kind, payload, 1 FROM {table} WHERE key = {except} AND ends > {now} UNION ALL \
     SELECT t.key, t.kind, t.payload, hop + 1 FROM way JOIN {table} AS t ON t.key = way.payload \
     WHERE way.kind = 1 AND hop < {hops} AND t.ends > {now}) \
     DELETE FROM {table} WHERE subject = {subject} \
     AND key IS DISTINCT FROM (SELECT key FROM way WHERE kind = 0) RETURNING kind = 0 AND ends > {now}{tell_key}";
