// What bin/swarm starts: answers a plain `swarm ps` by itself, in little more than the time that Node takes to start, hands
// `swarm oci` to the OCI runtime (oci.cjs, which other programs call by the hundred), and everything else, every failure too, to the
// command line proper (main.ts), whose parser alone takes longer than the answer.
// A script of its own (dist/swarm.cjs): a CommonJS file starts sooner than a module. Must never print before it has the answer.

import { enableCompileCache } from "node:module";
import { join } from "node:path";
import { connectLocal, stateDirectoryOf } from "../node/api/client.js";
import { containersInWords } from "./container-table.js";

/** After that the command line proper asks again, and waits longer. */
const LIMITS = { silenceMs: 1_000, pingMs: 1_000 };

export interface PlainPs {
	readonly workload: string | null;
	readonly state: string | null;
	readonly json: boolean;
}

/** `ps` with nothing but a workload, --json and --state; null for anything else. */
export function plainPsOf(argv: readonly string[]): PlainPs | null {
	const [command, ...rest] = argv;
	if (command !== "ps") return null;
	let [workload, state, json]: [string | null, string | null, boolean] = [null, null, false];
	for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
		if (word === "--json" && !json) json = true;
		else if (word === "--state" && state === null && rest[0] !== undefined && !rest[0].startsWith("-"))
			state = rest.shift() ?? null;
		else if (/^[^-]/.test(word) && workload === null) workload = word;
		else return null;
	}
	return { workload, state, json };
}

/** False when it could not: the command line proper says why. */
async function answered({ workload, state, json }: PlainPs): Promise<boolean> {
	try {
		const rows = await connectLocal(stateDirectoryOf(state), { limits: LIMITS }).containers();
		await new Promise((resolve) => process.stdout.write(containersInWords(rows, { workload, json }), resolve));
		return true;
	} catch {
		return false;
	}
}

async function main(): Promise<void> {
	process.stdout.on("error", () => process.exit());
	if (process.argv[2] === "oci") {
		const runtime = "./oci.cjs";
		process.argv.splice(2, 1);
		require(runtime);
		return;
	}
	const ps = plainPsOf(process.argv.slice(2));
	if (ps !== null && (await answered(ps))) process.exit();
	enableCompileCache(join(__dirname, "cache"));
	const proper = "./cli/main.js";
	await import(proper);
}

// As a module (in tests) it only parses.
if (typeof require !== "undefined" && require.main === module) void main();
