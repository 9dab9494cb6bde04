//! Scenarios of the core that a program's own tests cannot say: duplicates, reordering, conflicts, waiting, edits,
//! returns. Complaints about other systems are named after where they were read.

mod complaints;
mod earning;
mod erasing;
mod explaining;
mod goals;
mod guests;
mod households;
mod levels;
mod lots;
mod merging;
mod orders;
mod pages;
mod quiet;
mod referrals;
mod rewards;
mod told;
mod unmerging;
mod versions;
mod workflows;
mod world;
