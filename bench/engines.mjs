// What two rule engines take for an order under the rules of `crates/domain/examples/speed.rs`: microseconds of CPU, the
// median of rounds. They get orders as objects and give the names of the rules that apply: no JSON is read, no ledger
// kept.   node engines.mjs NODE_MODULES RULES
import { createRequire } from "node:module";

const [folder, count] = [process.argv[2], Number(process.argv[3])];
const require = createRequire(folder + "/");
const { Engine } = require("json-rules-engine");
const { ZenEngine } = require("@gorules/zen-engine");

const ORDERS = 500, ROUNDS = 7;
const order = (n) => ({
  id: `order-${n}`, currency: "EUR", channel: "app", store: "s7", total: 29.95, subtotal: 29.95,
  items: [0, 1, 2, 3, 4].map((i) => ({ id: `i${i}`, sku: `SKU-${n}-${i}`, category: "coffee", quantity: 1 + i % 2, price: 3.99 + i, total: 3.99 + i })),
});
const orders = Array.from({ length: ORDERS }, (_, n) => order(n));
const named = Array.from({ length: count - 2 }, (_, n) => n);

const engine = new Engine([], { allowUndefinedFacts: true });
const rule = (type, all) => engine.addRule({ conditions: { all }, event: { type } });
rule("base", [{ fact: "order", path: "$.items[*].category", operator: "contains", value: "coffee" }]);
rule("app", [{ fact: "order", path: "$.channel", operator: "equal", value: "app" }]);
for (const n of named) {
  rule(`r${n}`, [
    { fact: "order", path: "$.store", operator: "equal", value: `s${n}` },
    { fact: "order", path: "$.items[*].category", operator: "contains", value: `c${n}` },
  ]);
}

const rows = [{ _id: "base", when: 'some(order.items, # .category != "gift_card")', then: '"base"' }, { _id: "app", when: 'order.channel == "app"', then: '"app"' }];
for (const n of named) rows.push({ _id: `r${n}`, when: `order.store == "s${n}" and some(order.items, # .category == "c${n}")`, then: `"r${n}"` });
const graph = {
  nodes: [
    { id: "in", type: "inputNode", name: "in", position: { x: 0, y: 0 } },
    { id: "table", type: "decisionTableNode", name: "table", position: { x: 1, y: 0 }, content: { hitPolicy: "collect", inputs: [{ id: "when", name: "when" }], outputs: [{ id: "then", name: "then", field: "rule" }], rules: rows } },
    { id: "out", type: "outputNode", name: "out", position: { x: 2, y: 0 } },
  ],
  edges: [{ id: "1", sourceId: "in", targetId: "table", type: "edge" }, { id: "2", sourceId: "table", targetId: "out", type: "edge" }],
};
const decision = new ZenEngine().createDecision(Buffer.from(JSON.stringify(graph)));

async function measure(decide) {
  const applied = await decide(orders[0]);
  if (String(applied) !== "app,base") throw new Error(`another outcome: ${applied}`);
  const rounds = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage();
    for (const one of orders) await decide(one);
    const { user, system } = process.cpuUsage(before);
    rounds.push((user + system) / ORDERS);
  }
  return rounds.sort((a, b) => a - b)[ROUNDS >> 1];
}

const jre = await measure(async (order) => (await engine.run({ order })).events.map((event) => event.type).sort());
const zen = await measure(async (order) => (await decision.evaluate({ order })).result.map((row) => row.rule).sort());
console.log(`${jre.toFixed(1)} ${zen.toFixed(1)}`);
