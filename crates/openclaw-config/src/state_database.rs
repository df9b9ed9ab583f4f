//! OpenClaw's SQLite databases, read-only. Knows their tables, not the meaning of the JSON in them.
//!
//! A database that another program has locked, or that a newer OpenClaw has written, is reported immediately:
//! nothing waits for a lock.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _};

/// The newest supported schema version of the state database.
const STATE_LAYOUT: i64 = 18;
/// The newest supported schema version of an agent's database.
const AGENT_LAYOUT: i64 = 23;

/// A JSON text from a database, and when it was written, in milliseconds since 1970.
pub(super) struct Row {
    pub(super) json: String,
    pub(super) written: i64,
}

/// An open database.
pub(super) struct Database {
    path: PathBuf,
    connection: Connection,
    is_state: bool,
}

impl Database {
    /// `state/openclaw.sqlite` of a state directory; `None` if it does not exist.
    pub(super) fn of_state(state_dir: &Path) -> Result<Option<Self>, String> {
        Self::open(&state_dir.join("state/openclaw.sqlite"), true)
    }

    /// `openclaw-agent.sqlite` of an agent's directory; `None` if it does not exist.
    pub(super) fn of_agent(agent_dir: &Path) -> Result<Option<Self>, String> {
        Self::open(&agent_dir.join("openclaw-agent.sqlite"), false)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn open(path: &Path, is_state: bool) -> Result<Option<Self>, String> {
        match std::fs::metadata(path) {
            Ok(meta) if meta.is_file() => {}
            Ok(_) => return Err("it is not a regular file".to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("it cannot be read: {error}")),
        }
        let flags =
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let mut uri = url::Url::from_file_path(std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
            .map_err(|()| "it has no absolute path".to_owned())?;
        if is_at_rest(path) {
            // No program has it open, so it is read without creating lock files, also from a read-only folder.
            uri.query_pairs_mut().append_pair("immutable", "1");
        }
        let connection = Connection::open_with_flags(uri.as_str(), flags).map_err(|error| why(&error))?;
        connection
            .busy_timeout(std::time::Duration::ZERO)
            .map_err(|error| why(&error))?;
        let database = Self {
            path: path.to_owned(),
            connection,
            is_state,
        };
        database.check_layout()?;
        Ok(Some(database))
    }

    /// Refuses a schema version that is newer than the supported ones.
    fn check_layout(&self) -> Result<(), String> {
        let published: i64 = self
            .connection
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .map_err(|error| why(&error))?;
        let (newest, content) = if self.is_state {
            let row = self.state_row("state.schema.contentVersion")?;
            (STATE_LAYOUT, row.and_then(|row| row.json.trim().parse().ok()))
        } else {
            (AGENT_LAYOUT, None)
        };
        let layout = published.max(content.unwrap_or(0));
        if layout > newest {
            return Err(format!(
                "a newer OpenClaw has written it (layout {layout}; up to {newest} is known here)"
            ));
        }
        Ok(())
    }

    /// The stored credentials.
    pub(super) fn auth_profiles(&self) -> Result<Option<Row>, String> {
        if self.is_state {
            return self.state_row("authProfiles.store");
        }
        self.row(
            "auth_profile_store",
            "SELECT store_json, updated_at FROM auth_profile_store WHERE store_key = ?1",
            "primary",
        )
    }

    /// The state beside the credentials: their order.
    pub(super) fn auth_state(&self) -> Result<Option<Row>, String> {
        if self.is_state {
            return self.state_row("authProfiles.state");
        }
        self.row(
            "auth_profile_state",
            "SELECT state_json, updated_at FROM auth_profile_state WHERE state_key = ?1",
            "primary",
        )
    }

    /// A row of the state by its key.
    pub(super) fn state_row(&self, key: &str) -> Result<Option<Row>, String> {
        self.row(
            "config_machine_state",
            "SELECT value_json, updated_at_ms FROM config_machine_state WHERE state_key = ?1",
            key,
        )
    }

    /// A value of the shared secrets store.
    pub(super) fn secret(&self, name: &str) -> Result<Option<String>, String> {
        let row = self.row(
            "secret_store_entries",
            "SELECT value, updated_at_ms FROM secret_store_entries \
             WHERE scope_kind = 'team' AND scope_id = '' AND deleted_at_ms IS NULL AND name = ?1",
            name,
        )?;
        Ok(row.map(|row| row.json))
    }

    fn row(&self, table: &str, sql: &str, key: &str) -> Result<Option<Row>, String> {
        let is_there = self
            .connection
            .query_row(
                "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1",
                [table],
                |_| Ok(()),
            )
            .optional()
            .map_err(|error| why(&error))?;
        if is_there.is_none() {
            return Ok(None);
        }
        let row = self.connection.query_row(sql, [key], |row| {
            Ok(Row {
                json: row.get(0)?,
                written: row.get(1)?,
            })
        });
        row.optional().map_err(|error| why(&error))
    }
}

/// Whether a database in WAL mode has no log at present: then no program has it open.
fn is_at_rest(path: &Path) -> bool {
    use std::io::Read as _;
    let mut head = [0; 20];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    read.is_ok() && head[18] == 2 && head[19] == 2 && !Path::new(&log).exists()
}

/// The text of an SQLite error, without the statement and the data.
fn why(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program has locked it; close that program, or try again".to_owned()
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            "it is damaged or no database".to_owned()
        }
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
            "it cannot be opened; its folder may not be yours".to_owned()
        }
        Some(code) => format!("it cannot be read ({code:?})"),
        None => "it has another layout than is known here".to_owned(),
    }
}
