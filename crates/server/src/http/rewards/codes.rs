//! `POST /v1/rewards/{reward}/codes`: codes for the pool of a reward. Those that came before, for whatever pool, are left
//! out and counted.

use domain::codes::WRONG_TYPE;
use domain::decide::rewards::{codes, terms};
use domain::own::CODES;
use domain::plan::{Gives, Plan, Reward};
use domain::snapshot::Snapshot;
use domain::value::LIST_MAX;
use serde::Deserialize;
use serde_json::json;
use wire::problem::Fault;

use crate::http::act::{Act, Ask};
use crate::http::body;
use crate::http::problem::{Answer, Problem};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewCodes {
    codes: Vec<String>,
}

pub async fn handle(act: Act<NewCodes>) -> Answer {
    let (plan, id) = (act.app.versions.current(), &act.name);
    let (reward, pool) = pool(&plan, id)?;
    all_codes(&act.said.codes)?;
    let ask = |codes: &[String]| {
        let data = json!({"pool": pool, "codes": codes}).to_string().into_bytes();
        Ask { kind: CODES, subject: None, also: Vec::new(), data, at: "" }
    };
    let outcomes = act.submit_all(act.said.codes.chunks(LIST_MAX).map(ask).collect()).await?;
    let added: i64 = outcomes.iter().filter_map(|one| one.decision.brought).map(|brought| brought.1).sum();
    let skipped: usize = outcomes.iter().map(|one| one.decision.skipped.len()).sum();
    let mut now = Snapshot::default();
    let now = act.app.read(move |reader| reader.fetch(&mut now, &[]).map(|()| now)).await?;
    let left = terms::left(&now.budgets, reward);
    let told = json!({"reward": id, "pool": pool, "added": added, "skipped": skipped, "left": left});
    Ok(body::answer(200, &told))
}

/// The reward, and the pool from which it gives.
fn pool<'p>(plan: &'p Plan, id: &str) -> Result<(&'p Reward, &'p str), Problem> {
    let reward = plan.rewards.iter().find(|reward| *reward.id == *id);
    let reward = reward.ok_or_else(|| Problem::not_found("reward"))?;
    match &reward.gives {
        Gives::CodeImported(pool) => Ok((reward, pool)),
        _ => {
            let detail = format!("the reward {id} gives no codes of a pool: write `gives.code.pool = \"…\"`");
            Err(Problem::new(409, "reward_without_pool", "This reward takes no codes", detail))
        }
    }
}

fn all_codes(all: &[String]) -> Result<(), Problem> {
    let pointer = |at: usize| format!("/codes/{at}");
    if all.is_empty() {
        return Err(Problem::field(WRONG_TYPE, "/codes", "give at least one code"));
    }
    let bad: Vec<usize> = (0..all.len()).filter(|at| !codes::is_code(&all[*at])).collect();
    if bad.is_empty() {
        return Ok(());
    }
    let mut problem = Problem::invalid(format!("{} of them are no codes; none was taken", bad.len()));
    problem.errors =
        bad.iter().take(FAULTS_MAX).map(|at| Fault::new(pointer(*at), WRONG_TYPE, codes::NO_CODE)).collect();
    Err(problem)
}

/// Faults that are told one by one.
const FAULTS_MAX: usize = 100;
