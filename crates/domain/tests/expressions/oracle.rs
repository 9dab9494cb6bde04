//! The `cel` crate as a second opinion: whole numbers, texts, bools and lists mean the same in both.

use std::collections::HashMap;
use std::sync::Arc;

use domain::num::Num;
use domain::value::{Type, Value};

use crate::scene::{Scene, order, variables};

pub fn to_cel(ty: &Type, value: &Value) -> Option<cel::Value> {
    Some(match (ty, value) {
        (_, Value::Absent) => return None,
        (_, Value::Num(n)) => cel::Value::Int(n.to_int().expect("a whole number")),
        (_, Value::Text(t)) => cel::Value::String(Arc::new(t.to_string())),
        (_, Value::Bool(b)) => cel::Value::Bool(*b),
        (Type::List(of), Value::List(values)) => {
            cel::Value::List(Arc::new(values.iter().filter_map(|v| to_cel(of, v)).collect()))
        }
        (Type::Record(fields), Value::Record(values)) => {
            let present = fields.0.iter().zip(values);
            let map: HashMap<String, cel::Value> =
                present.filter_map(|(f, v)| Some((f.name.to_string(), to_cel(&f.ty, v)?))).collect();
            map.into()
        }
        _ => return None,
    })
}

fn from_cel(value: cel::Value) -> Value {
    match value {
        cel::Value::Int(n) => Value::Num(Num::int(n).expect("in range")),
        cel::Value::String(t) => Value::Text(t.as_str().into()),
        cel::Value::Bool(b) => Value::Bool(b),
        cel::Value::List(values) => Value::List(values.iter().cloned().map(from_cel).collect()),
        other => panic!("{other:?} is none of ours"),
    }
}

pub struct Oracle {
    source: String,
    program: cel::Program,
}

impl Oracle {
    pub fn new(source: &str) -> Oracle {
        let program = cel::Program::compile(source).unwrap_or_else(|e| panic!("`{source}`: {e:?}"));
        Oracle { source: source.into(), program }
    }

    pub fn value(&self, scene: &Scene) -> Value {
        let mut context = cel::Context::default();
        for ((name, ty), value) in variables().iter().zip(&scene.extra) {
            if let Some(value) = to_cel(ty, value) {
                context.add_variable_from_value(*name, value);
            }
        }
        context.add_variable_from_value("order", to_cel(&order(), &scene.order).expect("present"));
        from_cel(self.program.execute(&context).unwrap_or_else(|e| panic!("`{}`: {e:?}", self.source)))
    }
}
