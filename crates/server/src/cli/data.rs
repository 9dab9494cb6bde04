//! Where the data are: a folder with the embedded database, or PostgreSQL.
//!
//! Invariant: a password in an address is never shown.

use std::fmt::{Display, Formatter};
use std::path::{Path, PathBuf};

use store::{Admin, Options, Reader, Store};

use super::{DATA, Failure, copy, open};

#[derive(Clone)]
pub enum Data {
    Folder(PathBuf),
    Database(String),
}

impl Data {
    /// As somebody writes it: an address, or the name of a folder.
    pub fn named(text: &str) -> Data {
        Data::database(text).unwrap_or_else(|| Data::Folder(text.into()))
    }
    /// None: it is no address of one.
    pub fn database(url: &str) -> Option<Data> {
        let is_one = url.starts_with("postgres://") || url.starts_with("postgresql://");
        is_one.then(|| Data::Database(url.into()))
    }

    /// Made if they are missing.
    pub fn open(&self) -> Result<Store, Failure> {
        match self {
            Data::Folder(dir) => Store::open(dir, &Options::default()),
            Data::Database(url) => Store::connect(url, &Options::default()),
        }
        .map_err(|e| open::failed(self, e))
    }

    /// Whether there may be any: a folder without its file has none.
    pub fn are_there(&self) -> bool {
        match self {
            Data::Folder(dir) => dir.join(store::FILE).exists(),
            Data::Database(_) => true,
        }
    }

    /// The folder, for what cannot be done elsewhere.
    pub fn folder(self, what: &str) -> Result<PathBuf, Failure> {
        match self {
            Data::Folder(dir) => Ok(dir),
            Data::Database(_) => {
                let what = format!("cannot {what} in a database");
                let fix = "give --data DIR, and then `fealty copy --from DIR --to postgres://…`";
                Err(Failure::settings(what, "not_here: only in a data folder").fix(fix))
            }
        }
    }

    /// As a folder that can be looked into: of a database, one moment of it, in a folder that goes with the answer.
    pub fn at_rest(&self) -> Result<(PathBuf, Option<open::Passing>), Failure> {
        match self {
            Data::Folder(dir) => Ok((dir.clone(), None)),
            Data::Database(_) => {
                let passing = open::Passing::new()?;
                copy::copy(self, &Data::Folder(passing.dir().into()), true)?;
                Ok((passing.dir().into(), Some(passing)))
            }
        }
    }

    /// For API keys, also while a server runs.
    pub fn beside(&self) -> Result<Beside, Failure> {
        match self {
            Data::Folder(dir) => {
                std::fs::create_dir_all(dir)
                    .map_err(|e| Failure::new(DATA, format!("cannot make {}", dir.display()), e))?;
                let admin = Admin::beside(dir).map_err(|e| open::failed(self, e))?;
                Ok(Beside { reader: Reader::beside(dir), admin, _open: None })
            }
            Data::Database(_) => {
                let store = self.open()?;
                Ok(Beside { reader: store.reader(), admin: store.admin(), _open: Some(store) })
            }
        }
    }
}

/// What is read and written beside a server, if one runs.
pub struct Beside {
    pub reader: Reader,
    pub admin: Admin,
    _open: Option<Store>,
}

impl From<&Path> for Data {
    fn from(dir: &Path) -> Data {
        Data::Folder(dir.into())
    }
}

impl Display for Data {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Data::Folder(dir) => write!(f, "{}", dir.display()),
            Data::Database(url) => f.write_str(&shown(url)),
        }
    }
}

/// An address without who enters and what else it says. Where a password may go on (one with `/` or `?` in it that was
/// not written as `%2F` or `%3F`), nothing is shown.
fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
    let (who_and_where, more) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if more.contains('@') {
        return format!("{scheme}://…");
    }
    let host = who_and_where.rsplit_once('@').map_or(who_and_where, |(_, host)| host);
    let path = more.split('?').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

#[test]
fn an_address_is_shown_without_its_password() {
    assert_eq!(
        shown("postgres://ada:p@ss:w@db.local:5432/shop?sslmode=require"),
        "postgres://db.local:5432/shop"
    );
    assert_eq!(shown("postgresql:///shop?password=secret"), "postgresql:///shop");
    for careless in [
        "postgres://ada:se?cret@db/shop",
        "postgres://ada:se/cret@db/shop",
        "postgres:///shop?password=a@secret",
    ] {
        assert_eq!(shown(careless), "postgres://…");
    }
}
