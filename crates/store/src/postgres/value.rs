//! Values and columns of statements that are said for both databases.

use postgres::Row;
use postgres::types::{IsNull, ToSql, Type, private::BytesMut};

use super::store_error;
use crate::StoreError;
use crate::db::Value;

pub fn given_to_postgres<'v>(values: &'v [Value<'v>]) -> Vec<&'v (dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

type Failed = Box<dyn std::error::Error + Sync + Send>;

impl ToSql for Value<'_> {
    fn to_sql(&self, is: &Type, out: &mut BytesMut) -> Result<IsNull, Failed> {
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Int(int) if *is == Type::INT4 => i32::try_from(*int)?.to_sql(is, out),
            Value::Int(int) => int.to_sql(is, out),
            Value::Bool(yes) => yes.to_sql(is, out),
            // There is no such character in its texts.
            Value::Text(text) if text.contains('\0') => text.replace('\0', "\u{fffd}").to_sql(is, out),
            Value::Text(text) => text.to_sql(is, out),
            Value::Bytes(bytes) => bytes.to_sql(is, out),
        }
    }
    fn accepts(_: &Type) -> bool {
        true
    }
    fn to_sql_checked(&self, is: &Type, out: &mut BytesMut) -> Result<IsNull, Failed> {
        let fits = match self {
            Value::Null => true,
            Value::Int(_) => matches!(*is, Type::INT8 | Type::INT4),
            Value::Bool(_) => *is == Type::BOOL,
            Value::Text(_) => <&str as ToSql>::accepts(is),
            Value::Bytes(_) => *is == Type::BYTEA,
        };
        if fits { self.to_sql(is, out) } else { Err(format!("{self:?} is no {is}").into()) }
    }
}

/// Of a column of whole numbers or of yes and no.
pub fn int(row: &Row, at: usize) -> Result<Option<i64>, StoreError> {
    let read = match row.columns().get(at).map(postgres::Column::type_) {
        Some(&Type::INT4) => row.try_get::<_, Option<i32>>(at).map(|int| int.map(i64::from)),
        Some(&Type::BOOL) => row.try_get::<_, Option<bool>>(at).map(|yes| yes.map(i64::from)),
        _ => row.try_get(at),
    };
    read.map_err(|e| store_error(&e))
}
