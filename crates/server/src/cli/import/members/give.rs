//! What was looked at goes through the door, piece by piece, as many under way as keep decider and writer busy.

use std::collections::VecDeque;

use domain::event::Input;
use domain::outcome::Status;
use engine::{Delivery, Intake, Pending};

use super::super::{PIECE, PIECES_MAX, failed};
use crate::cli::{Failure, STORE};

pub struct Giving<'i> {
    intake: &'i Intake,
    under_way: VecDeque<Pending>,
    piece: Vec<Delivery>,
    given: u64,
    settled: usize,
    /// None: nothing may be refused. Else which were, counted from 0, and why.
    pub refused: Option<Vec<(usize, String)>>,
}

impl<'i> Giving<'i> {
    pub fn new(intake: &'i Intake) -> Giving<'i> {
        Giving { intake, under_way: VecDeque::new(), piece: Vec::new(), given: 0, settled: 0, refused: None }
    }

    pub fn take(&mut self, input: Input) -> Result<(), Failure> {
        self.piece.push(Delivery { input, raw: None });
        if self.piece.len() == PIECE { self.hand_over() } else { Ok(()) }
    }

    /// So many were given.
    pub fn finish(&mut self) -> Result<u64, Failure> {
        self.hand_over()?;
        while let Some(pending) = self.under_way.pop_front() {
            self.settle(pending)?;
        }
        Ok(self.given)
    }

    fn hand_over(&mut self) -> Result<(), Failure> {
        if self.under_way.len() == PIECES_MAX
            && let Some(pending) = self.under_way.pop_front()
        {
            self.settle(pending)?;
        }
        let pending = self.intake.submit(std::mem::take(&mut self.piece)).map_err(failed)?;
        self.under_way.push_back(pending);
        Ok(())
    }

    /// Nothing was refused when it was looked at. A difference may be still, for what was given since: it is told.
    fn settle(&mut self, pending: Pending) -> Result<(), Failure> {
        for outcome in pending.wait().map_err(failed)? {
            let at = self.settled;
            self.settled += 1;
            if let (Some(reason), false) =
                (&outcome.decision.reason, outcome.decision.status == Status::Applied)
            {
                if let Some(refused) = &mut self.refused {
                    refused.push((at, reason.message.to_string()));
                    continue;
                }
                let who = outcome.decision.member.map_or(String::new(), |no| format!(" (member {no})"));
                let why = format!("{}: {}{who}", reason.code, reason.message);
                return Err(Failure::new(STORE, "the import was not finished", why)
                    .fix("run the same command again, and write to us if it is refused again"));
            }
            self.given += u64::from(!outcome.duplicate);
        }
        Ok(())
    }
}
