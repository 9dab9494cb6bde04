//! SQL, said once for both databases. A statement's parameters are written `?1`, `?2`; it is kept prepared.
//!
//! Not here: how a batch is written and how many members are read at once, where each database has a way of its own.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension};

use crate::StoreError;
#[cfg(feature = "postgres")]
use crate::postgres::{Conn, given_to_postgres};
use crate::sqlite::store_error;

/// A connection to one of them.
#[derive(Clone, Copy)]
pub enum Db<'c> {
    Sqlite(&'c Connection),
    #[cfg(feature = "postgres")]
    Postgres(&'c Conn),
}

impl<'c> From<&'c Connection> for Db<'c> {
    fn from(conn: &'c Connection) -> Db<'c> {
        Db::Sqlite(conn)
    }
}

/// What is given to a statement.
#[derive(Clone, Copy, Debug)]
pub enum Value<'v> {
    Null,
    Int(i64),
    Bool(bool),
    Text(&'v str),
    Bytes(&'v [u8]),
}

/// A row, as long as it is looked at.
pub enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    #[cfg(feature = "postgres")]
    Postgres(&'r postgres::Row),
}

/// Parameters of a statement: `values![no, "text", &bytes[..]]`.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::db::Given::value(&$value)),*][..] };
}
pub(crate) use values;

impl Db<'_> {
    /// Says how many rows it changed.
    pub fn execute(self, sql: &str, values: &[Value<'_>]) -> Result<u64, StoreError> {
        match self {
            Db::Sqlite(conn) => {
                let done = conn.prepare_cached(sql).and_then(|mut run| run.execute(bound(values)));
                done.map(|rows| rows as u64).map_err(|e| store_error(&e))
            }
            #[cfg(feature = "postgres")]
            Db::Postgres(conn) => conn.execute(sql, &given_to_postgres(values)),
        }
    }

    pub fn all<T>(
        self,
        sql: &str,
        values: &[Value<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut all = Vec::new();
        self.each(sql, values, |row| {
            all.push(read(row)?);
            Ok(())
        })?;
        Ok(all)
    }

    /// Other questions may be asked of the same connection meanwhile.
    pub fn each(
        self,
        sql: &str,
        values: &[Value<'_>],
        mut take: impl FnMut(&Row<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        match self {
            Db::Sqlite(conn) => {
                let failed = |e: rusqlite::Error| store_error(&e);
                let mut select = conn.prepare_cached(sql).map_err(failed)?;
                let mut rows = select.query(bound(values)).map_err(failed)?;
                while let Some(row) = rows.next().map_err(failed)? {
                    take(&Row::Sqlite(row))?;
                }
                Ok(())
            }
            #[cfg(feature = "postgres")]
            Db::Postgres(conn) => {
                let rows = conn.query(sql, &given_to_postgres(values))?;
                rows.iter().try_for_each(|row| take(&Row::Postgres(row)))
            }
        }
    }

    /// The first row, if there is one.
    pub fn one<T>(
        self,
        sql: &str,
        values: &[Value<'_>],
        read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        match self {
            Db::Sqlite(conn) => {
                let failed = |e: rusqlite::Error| store_error(&e);
                let mut select = conn.prepare_cached(sql).map_err(failed)?;
                let found = select.query_row(bound(values), |row| Ok(read(&Row::Sqlite(row)))).optional();
                found.map_err(failed)?.transpose()
            }
            #[cfg(feature = "postgres")]
            Db::Postgres(conn) => {
                let rows = conn.query(sql, &given_to_postgres(values))?;
                rows.first().map(|row| read(&Row::Postgres(row))).transpose()
            }
        }
    }

    /// A field of a column that holds JSON, as text.
    pub fn field(self, column: &str, name: &str) -> String {
        match self {
            Db::Sqlite(_) => format!("{column} ->> '{name}'"),
            #[cfg(feature = "postgres")]
            Db::Postgres(_) => format!("words({column}) ->> '{name}'"),
        }
    }

    /// Whether a column of bytes holds these.
    pub fn holds(self, column: &str, bytes: &str) -> String {
        match self {
            Db::Sqlite(_) => format!("instr({column}, {bytes}) > 0"),
            #[cfg(feature = "postgres")]
            Db::Postgres(_) => format!("position({bytes}::BYTEA IN {column}) > 0"),
        }
    }

    /// From here to `end` everything is read from one moment.
    pub fn begin_reading(self) -> Result<(), StoreError> {
        match self {
            Db::Sqlite(_) => self.execute("BEGIN", &[]).map(|_| ()),
            #[cfg(feature = "postgres")]
            Db::Postgres(conn) => conn.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
        }
    }
}

fn bound<'v>(values: &'v [Value<'v>]) -> rusqlite::ParamsFromIter<&'v [Value<'v>]> {
    rusqlite::params_from_iter(values)
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Int(int) => ValueRef::Integer(*int),
            Value::Bool(is) => ValueRef::Integer(i64::from(*is)),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// What may be given to a statement.
pub trait Given {
    fn value(&self) -> Value<'_>;
}

macro_rules! given {
    ($($type:ty: |$it:ident| $value:expr),* $(,)?) => { $(
        impl Given for $type {
            fn value(&self) -> Value<'_> {
                let $it = self;
                $value
            }
        }
    )* };
}
given! {
    i64: |int| Value::Int(*int),
    u64: |int| whole_or_none(*int),
    usize: |int| whole_or_none(*int as u64),
    u32: |int| Value::Int((*int).into()),
    u16: |int| Value::Int((*int).into()),
    bool: |is| Value::Bool(*is),
    str: |text| Value::Text(text),
    String: |text| Value::Text(text),
    Box<str>: |text| Value::Text(text),
    [u8]: |bytes| Value::Bytes(bytes),
    [u8; 32]: |bytes| Value::Bytes(bytes),
    Vec<u8>: |bytes| Value::Bytes(bytes),
}

/// What does not fit is no number of ours: no row has it.
fn whole_or_none(int: u64) -> Value<'static> {
    Value::Int(i64::try_from(int).unwrap_or(i64::MAX))
}

impl<T: Given + ?Sized> Given for &T {
    fn value(&self) -> Value<'_> {
        (**self).value()
    }
}
impl<T: Given> Given for Option<T> {
    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, T::value)
    }
}

impl<'r> Row<'r> {
    pub fn get<T: FromRow>(&self, at: usize) -> Result<T, StoreError> {
        T::from_row(self, at)
    }
    pub fn int(&self, at: usize) -> Result<Option<i64>, StoreError> {
        match self {
            Row::Sqlite(row) => row.get(at).map_err(|e| store_error(&e)),
            #[cfg(feature = "postgres")]
            Row::Postgres(row) => crate::postgres::int(row, at),
        }
    }
    pub fn text(&self, at: usize) -> Result<Option<&'r str>, StoreError> {
        match self {
            Row::Sqlite(row) => {
                let text = row.get_ref(at).and_then(|value| Ok(value.as_str_or_null()?));
                text.map_err(|e| store_error(&e))
            }
            #[cfg(feature = "postgres")]
            Row::Postgres(row) => row.try_get(at).map_err(|e| crate::postgres::store_error(&e)),
        }
    }
    pub fn bytes(&self, at: usize) -> Result<Option<&'r [u8]>, StoreError> {
        match self {
            Row::Sqlite(row) => {
                let bytes = row.get_ref(at).and_then(|value| Ok(value.as_blob_or_null()?));
                bytes.map_err(|e| store_error(&e))
            }
            #[cfg(feature = "postgres")]
            Row::Postgres(row) => row.try_get(at).map_err(|e| crate::postgres::store_error(&e)),
        }
    }
}

/// What a column is read as; of what may be absent, an `Option`.
pub trait FromRow: Sized {
    fn from_row(row: &Row<'_>, at: usize) -> Result<Self, StoreError>;
}

fn there<T>(value: Option<T>, at: usize) -> Result<T, StoreError> {
    value.ok_or_else(|| StoreError::Corrupt(format!("column {at} of a row is empty")))
}

/// Reads an `Option` by `$read` and from it both itself and what must be there.
macro_rules! read_as {
    ($type:ty, |$row:ident, $at:ident| $read:expr) => {
        impl FromRow for Option<$type> {
            fn from_row($row: &Row<'_>, $at: usize) -> Result<Self, StoreError> {
                $read
            }
        }
        impl FromRow for $type {
            fn from_row(row: &Row<'_>, at: usize) -> Result<Self, StoreError> {
                there(row.get::<Option<$type>>(at)?, at)
            }
        }
    };
}

fn whole<T: TryFrom<i64>>(int: Option<i64>, at: usize) -> Result<Option<T>, StoreError> {
    let fits = |int| {
        T::try_from(int).map_err(|_| StoreError::Corrupt(format!("column {at} of a row cannot be {int}")))
    };
    int.map(fits).transpose()
}

read_as!(i64, |row, at| row.int(at));
read_as!(u64, |row, at| whole(row.int(at)?, at));
read_as!(u32, |row, at| whole(row.int(at)?, at));
read_as!(u16, |row, at| whole(row.int(at)?, at));
read_as!(bool, |row, at| Ok(row.int(at)?.map(|is| is != 0)));
read_as!(String, |row, at| Ok(row.text(at)?.map(str::to_owned)));
read_as!(Box<str>, |row, at| Ok(row.text(at)?.map(Into::into)));
read_as!(Vec<u8>, |row, at| Ok(row.bytes(at)?.map(<[u8]>::to_vec)));
read_as!([u8; 32], |row, at| {
    let whole = |bytes: &[u8]| {
        bytes.try_into().map_err(|_| StoreError::Corrupt(format!("column {at} of a row has not 32 bytes")))
    };
    row.bytes(at)?.map(whole).transpose()
});
