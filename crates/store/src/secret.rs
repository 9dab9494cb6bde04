//! What an installation keeps to itself: 48 random bytes in `meta`, of which the first 16 name keys, and the rest is for all
//! else that nobody may guess.

use domain::key::KeyMaker;

use crate::StoreError;

pub struct Secret([u8; 48]);

impl Secret {
    pub fn of(bytes: &[u8]) -> Result<Secret, StoreError> {
        let whole = bytes.try_into().map_err(|_| StoreError::Corrupt("the secret has 48 bytes".into()));
        whole.map(Secret)
    }
    pub fn key_maker(&self) -> KeyMaker {
        let mut key = [0; 16];
        key.copy_from_slice(&self.0[..16]);
        KeyMaker(key)
    }
    pub fn rest(&self) -> [u8; 32] {
        let mut rest = [0; 32];
        rest.copy_from_slice(&self.0[16..]);
        rest
    }
}
