//! What the server runs at a stretch: a comparison, and a write if nothing came in between.
//!
//! Each script compares the row with the one that the caller read, by its head and its end, and hands
//! the present one back where they differ: so the next try needs no read. The text is sent once;
//! after a restart, a failover or a `SCRIPT FLUSH` it is sent again.

use std::sync::LazyLock;

use redis::{Cmd, Script, cmd};

/// A script that the server knows by its hash.
pub(super) struct Lua {
    text: String,
    script: Script,
}

impl Lua {
    fn new(parts: &[&str]) -> Self {
        let text = parts.concat();
        let script = Script::new(&text);
        Self { text, script }
    }

    /// Calls it by its hash.
    pub(super) fn call(&self, call: &Call) -> Cmd {
        call.command("EVALSHA", self.script.get_hash())
    }

    /// Sends it with the call, which makes it known.
    pub(super) fn send(&self, call: &Call) -> Cmd {
        call.command("EVAL", &self.text)
    }
}

/// Keys and arguments of one call. Of the keys, the rows come first and the lists of subjects last.
#[derive(Default)]
pub(super) struct Call {
    keys: Vec<String>,
    arguments: Vec<Argument>,
}

enum Argument {
    Bytes(Vec<u8>),
    Number(i64),
}

impl Call {
    pub(super) fn on(row: String) -> Self {
        Self {
            keys: vec![row],
            arguments: vec![],
        }
    }

    pub(super) fn key(mut self, key: String) -> Self {
        self.keys.push(key);
        self
    }

    pub(super) fn bytes(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.arguments.push(Argument::Bytes(bytes.into()));
        self
    }

    pub(super) fn number(mut self, number: i64) -> Self {
        self.arguments.push(Argument::Number(number));
        self
    }

    /// A number of milliseconds, or nothing for never.
    pub(super) fn expiry(self, expiry: Option<i64>) -> Self {
        match expiry {
            Some(millis) => self.number(millis),
            None => self.bytes([]),
        }
    }

    /// The key that says where the script is to run.
    pub(super) fn place(&self) -> &str {
        self.keys.first().map_or("", String::as_str)
    }

    fn command(&self, verb: &str, script: &str) -> Cmd {
        let mut command = cmd(verb);
        command.arg(script).arg(self.keys.len()).arg(&self.keys);
        for argument in &self.arguments {
            match argument {
                Argument::Bytes(bytes) => command.arg(bytes),
                Argument::Number(number) => command.arg(*number),
            };
        }
        command
    }
}

/// KEYS: the row, lists. ARGV: head, end, the new row, its expiry, now, then a member and a score for each list.
pub(super) static REPLACE: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(&[
        COMPARE,
        LISTS,
        "put(KEYS[1], ARGV[3], ARGV[4])
         lists(2, 5)
         return 1",
    ])
});

/// KEYS: the row. ARGV: head, end, the new beginning of the row, its expiry.
pub(super) static TOUCH: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(&[
        COMPARE,
        "redis.call('SETRANGE', KEYS[1], 0, ARGV[3])
         if ARGV[4] == '' then redis.call('PERSIST', KEYS[1]) else redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
         return 1",
    ])
});

/// KEYS: the row, the row to be, lists. ARGV: head, end, the row that is left, its expiry, the moved row, its
/// expiry, now, then as for lists. Answers 0 if the new key is taken.
pub(super) static ROTATE: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(&[
        COMPARE,
        LISTS,
        "if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
         put(KEYS[1], ARGV[3], ARGV[4])
         put(KEYS[2], ARGV[5], ARGV[6])
         lists(3, 7)
         return 1",
    ])
});

/// KEYS: the row, lists. ARGV: head, end, now, then as for lists.
pub(super) static REMOVE: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(&[
        COMPARE,
        LISTS,
        "redis.call('DEL', KEYS[1])
         lists(2, 3)
         return 1",
    ])
});

/// KEYS: the row, lists. ARGV: the row, its expiry, now, then as for lists. Answers 0 if the key is taken.
pub(super) static CREATE: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(&[
        LISTS,
        "if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
         put(KEYS[1], ARGV[1], ARGV[2])
         lists(2, 3)
         return 1",
    ])
});

/// KEYS: the list. ARGV: how the names of rows begin, the subject, now, the member to be spared or nothing. An
/// alias that is to be spared is followed here, so that no rotation comes in between. Answers how many living
/// sessions it ended.
pub(super) static END_SUBJECT: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(&["local now, spared = tonumber(ARGV[3]), ARGV[4]
         local function ends(row) return (struct.unpack('<i8', row, 3)) end
         local alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
         local function text(bytes)
           local letters, bits, held = {}, 0, 0
           for at = 1, #bytes do
             bits, held = bits * 256 + string.byte(bytes, at), held + 8
             while held >= 6 do
               held = held - 6
               local digit = math.floor(bits / 2 ^ held)
               bits = bits - digit * 2 ^ held
               letters[#letters + 1] = string.sub(alphabet, digit + 1, digit + 1)
             end
           end
           if held > 0 then
             local digit = bits * 2 ^ (6 - held)
             letters[#letters + 1] = string.sub(alphabet, digit + 1, digit + 1)
           end
           return table.concat(letters)
         end
         for _ = 1, 8 do
           local row = spared ~= '' and redis.call('GET', ARGV[1] .. spared)
           if not row or string.sub(row, 1, 2) ~= '\\1a' or ends(row) <= now then break end
           spared = text(string.sub(row, 11))
         end
         local ended = 0
         for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
           if member ~= spared then
             local name = ARGV[1] .. member
             local row = redis.call('GET', name)
             if row and string.sub(row, 51, 51) == '\\1' and string.sub(row, 52, 67) == ARGV[2] then
               if string.sub(row, 2, 2) == 'r' and ends(row) > now then ended = ended + 1 end
               redis.call('DEL', name)
             end
             redis.call('ZREM', KEYS[1], member)
           end
         end
         return ended"])
});

/// KEYS: the row. ARGV: head, end, its expiry. Makes a session of one that was pending: another kind, and
/// no more word of the other key.
pub(super) static CONFIRM: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(&[
        COMPARE,
        "local new = string.sub(row, 1, 1) .. 'r' .. string.sub(row, 3, 67) .. string.sub(row, 100)
         if ARGV[3] == '' then redis.call('SET', KEYS[1], new) else redis.call('SET', KEYS[1], new, 'PX', ARGV[3]) end
         return 1",
    ])
});

/// ARGV: where a walk over all keys is, what the names of rows are like, how many to look at, how long a name is, now, and the
/// bounds of a question. Answers where the walk goes on, how many living sessions are meant, and how many rows cannot be
/// read. A user who may not call `GETRANGE` fetches whole rows.
pub(super) static COUNT: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(&["local page = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])
         local length, now = tonumber(ARGV[4]), tonumber(ARGV[5])
         local created_from, created_by = tonumber(ARGV[6]), tonumber(ARGV[7])
         local seen_by, ends_by = tonumber(ARGV[8]), tonumber(ARGV[9])
         local met, count, unreadable = {}, 0, 0
         for _, name in ipairs(page[2]) do
           if #name == length and not met[name] then
             met[name] = true
             local row = redis.pcall('GETRANGE', name, 0, 66)
             if type(row) ~= 'string' then row = redis.pcall('GET', name) end
             if type(row) == 'string' and row ~= '' then
               local format, kind = string.byte(row, 1, 2)
               if format == 1 and kind == 114 and #row >= 67 then
                 local ends, _, seen, created = struct.unpack('<i8i8i8i8', row, 3)
                 if ends > now and ends <= ends_by and seen <= seen_by and created_from <= created and created <= created_by then
                   count = count + 1
                 end
               elseif format ~= 1 or not (kind == 97 and #row == 42 or (kind == 109 or kind == 112 or kind == 115) and #row >= 67) then
                 unreadable = unreadable + 1
               end
             end
           end
         end
         return {page[1], count, unreadable}"])
});

/// ARGV: where a walk over all keys is, what the names of rows are like, how many to look at, how long a name is.
/// Answers where the walk goes on, and of each row its head and its length. What is no string is none.
pub(super) static HEADS: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(&[
        "local page = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])
         local told, met, length, at = {page[1]}, {}, tonumber(ARGV[4]), 1
         for _, name in ipairs(page[2]) do
           if #name == length and not met[name] then
             met[name] = true
             local row = redis.pcall('GET', name)
             if type(row) == 'string' then
               told[at + 1], told[at + 2], at = string.sub(row, 1, 67), #row, at + 2
             end
           end
         end
         return told",
    ])
});

/// KEYS: the list. ARGV: now, the member, its score. For a list that lies in another slot than the row: beside each
/// member it keeps, below zero, when that was put on it, by the server's clock.
pub(super) static LIST: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(&[
        TIME,
        "local list, now, member, score = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
         redis.call('ZREMRANGEBYSCORE', list, '(0', now)
         redis.call('ZREMRANGEBYSCORE', list, string.format('%.0f', doubt - time), '(0')
         redis.call('ZADD', list, 'GT', score, member)
         redis.call('ZADD', list, string.format('%.0f', -time), '+' .. member)
         local last = tonumber(redis.call('ZRANGE', list, -1, -1, 'WITHSCORES')[2])
         local left = last - tonumber(now)
         if left >= 3155760000000000 then
           redis.call('PERSIST', list)
         else
           redis.call('PEXPIRE', list, string.format('%.0f', math.max(left, 0) + 60000))
         end
         return 1",
    ])
});

/// KEYS: the list. ARGV: members without a row. Takes them off, but for those that were put on it lately:
/// their rows may be on the way.
pub(super) static MEND: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(&[
        TIME,
        "for _, member in ipairs(ARGV) do
           local listed = redis.call('ZSCORE', KEYS[1], '+' .. member)
           if not listed or time + tonumber(listed) > doubt then
             redis.call('ZREM', KEYS[1], member, '+' .. member)
           end
         end
         return 1",
    ])
});

/// The server's time, and for how long a member of a list is spared for being new.
const TIME: &str = "local time = redis.call('TIME')
time = time[1] * 1000 + math.floor(time[2] / 1000)
local doubt = 600000
";

/// Ends the script unless the row is the one that was read.
const COMPARE: &str = "local row = redis.call('GET', KEYS[1])
if not row or string.sub(row, 1, #ARGV[1]) ~= ARGV[1] or string.sub(row, -#ARGV[2]) ~= ARGV[2] then return row end
";

/// `put` writes a row. `lists` takes members off lists or puts them on, with their absolute deadline
/// as the score: what is past it is dropped, and a list lives as long as the last of its members may.
const LISTS: &str = "local function put(name, row, expiry)
  if expiry == '' then redis.call('SET', name, row) else redis.call('SET', name, row, 'PX', expiry) end
end
local function lists(key, at)
  local now = ARGV[at]
  at = at + 1
  while KEYS[key] do
    local list, member, score = KEYS[key], ARGV[at], ARGV[at + 1]
    if score == '' then
      redis.call('ZREM', list, member)
    else
      redis.call('ZREMRANGEBYSCORE', list, '-inf', now)
      redis.call('ZADD', list, score, member)
      local last = tonumber(redis.call('ZRANGE', list, -1, -1, 'WITHSCORES')[2])
      local left = last - tonumber(now)
      if left >= 3155760000000000 then
        redis.call('PERSIST', list)
      else
        redis.call('PEXPIRE', list, string.format('%.0f', math.max(left, 0) + 60000))
      end
    end
    key, at = key + 1, at + 2
  end
end
";

/// KEYS: the session. Answers its bytes and how many milliseconds it has left; -1 for no end.
#[cfg(feature = "flask")]
pub(super) static FLASK_READ: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(&["local value = redis.call('GET', KEYS[1])
         if not value then return false end
         return {value, redis.call('PTTL', KEYS[1])}"])
});

/// KEYS: the session. ARGV: its bytes, the new ones, their seconds to live.
#[cfg(feature = "flask")]
pub(super) static FLASK_SWAP: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(&[
        FLASK_COMPARE,
        "put(KEYS[1], ARGV[2], ARGV[3])
         return 1",
    ])
});

/// KEYS: the session. ARGV: its seconds to live.
#[cfg(feature = "flask")]
pub(super) static FLASK_PROLONG: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(&["local left = redis.call('PTTL', KEYS[1])
         if left == -2 then return 0 end
         if left >= 0 and left < tonumber(ARGV[1]) * 1000 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
         return 1"])
});

/// KEYS: the session. ARGV: its bytes.
#[cfg(feature = "flask")]
pub(super) static FLASK_TAKE: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(&[
        FLASK_COMPARE,
        "redis.call('DEL', KEYS[1])
         return 1",
    ])
});

/// KEYS: the session, its new name. ARGV: its bytes, what is left, its seconds to live, what it becomes, its
/// seconds to live. Answers 2 if the new name is taken.
#[cfg(feature = "flask")]
pub(super) static FLASK_RENAME: LazyLock<Lua> = LazyLock::new(|| {
    Lua::new(&[
        FLASK_COMPARE,
        "if redis.call('EXISTS', KEYS[2]) == 1 then return 2 end
         put(KEYS[1], ARGV[2], ARGV[3])
         put(KEYS[2], ARGV[4], ARGV[5])
         return 1",
    ])
});

/// Ends the script unless the session is what was read.
#[cfg(feature = "flask")]
const FLASK_COMPARE: &str = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local function put(name, value, seconds)
  if seconds == '' then redis.call('SET', name, value) else redis.call('SET', name, value, 'EX', seconds) end
end
";
