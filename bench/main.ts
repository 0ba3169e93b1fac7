// `npm run bench -- NAME [--json]` (density: also --count N, gossip: --count 3,8): runs us and the peer in turn in one run and prints medians and ratios.

import { parseArgs } from "node:util";
import { compileEarly } from "../src/node/compile-early.js";
import { bulk } from "./bulk.js";
import { density } from "./density.js";
import { exec } from "./exec.js";
import { gossip } from "./gossip.js";
import { heal } from "./heal.js";
import { idle } from "./idle.js";
import { join, runJoinMember } from "./join.js";
import { pause } from "./pause.js";
import { ps } from "./ps.js";
import { quota } from "./quota.js";
import { type BenchReport, textOf } from "./report.js";
import { start } from "./start.js";
import { stats } from "./stats.js";
import { view } from "./view.js";

const benches: Readonly<Record<string, () => Promise<BenchReport>>> = {
	start,
	exec,
	pause,
	density,
	idle,
	ps,
	stats,
	quota,
	gossip,
	join,
	heal,
	view,
	bulk,
};

async function main(): Promise<number> {
	// As the daemon does, in callers and peers alike.
	compileEarly();
	const options = { json: { type: "boolean" }, count: { type: "string" } } as const;
	const { positionals: names, values } = parseArgs({ options, allowPositionals: true });
	// Children of benches; only those of gossip need what it measures against.
	if (names[0] === "join-member") return runJoinMember();
	if (names[0] === "bulk-node") return (await import("./bulk-node.js")).runBulkNode();
	if (names[0] === "gossip-node") return (await import("./gossip-node.js")).runGossipNode();
	const bench = benches[names[0] ?? ""];
	if (names.length === 0) {
		console.log(`Benchmarks: ${Object.keys(benches).join(", ")}. Run one with: npm run bench -- NAME [--json]`);
		return 0;
	}
	if (names.length !== 1 || bench === undefined) {
		console.error(
			`Cannot run a benchmark: name is "${names.join(" ")}", wanted one of ${Object.keys(benches).join(", ")}`,
		);
		return 2;
	}
	const report = await bench();
	console.log(values.json ? JSON.stringify(report) : textOf(report));
	return report.rows.some((row) => row.holds === false) ? 1 : 0;
}

process.exitCode = await main();
