// What happens to people who ask for what cannot be: one clear line, the exit code of its kind (0 done, 1 failed, 2 usage, 3 node
// unreachable, 4 not found, 5 refused), and the machine as it was.

import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { JoinLine } from "../../src/node/api/contract.js";
import { LAB_PORT } from "../../src/node/lab/plan.js";
import { ociTar, tarOf } from "../support/oci-image.js";
import { Cluster, missingForCluster } from "./cluster.js";
import { expectRefusal } from "./refusal.js";
import { expectAlike, restingTracesOf } from "./traces.js";

const sleeper = ["--stop-grace", "100ms", "--", "sleep", "1000"];
const name = "ct-wrong";

describe.skipIf(missingForCluster !== null)(`wrong input (needs ${missingForCluster ?? "what is here"})`, () => {
	let cluster: Cluster;
	let scratch: string;

	beforeAll(async () => {
		scratch = await mkdtemp("/var/tmp/swarm-ct-wrong-");
		cluster = await Cluster.up(name, 3);
		// Bridge and rules of a node come with its first container.
		await cluster.deploy("n1", "first", "--replicas", "3", "--publish", "7000:7000", ...sleeper);
		await cluster.done("n1", "rm", "first");
	}, 120_000);

	afterAll(async () => {
		await cluster?.down();
		await rm(scratch, { recursive: true, force: true });
	}, 60_000);

	afterEach(async () => {
		await cluster.swarm("n1", "rm", "web");
	});

	/** Runs `ask` between two looks at the machine. */
	async function leavesNothing(ask: () => Promise<void>): Promise<void> {
		const before = await restingTracesOf(cluster.nodes);
		const rows = await cluster.done("n1", "ps", "--json");
		await ask();
		await expectAlike(cluster.nodes, before);
		expect(JSON.parse(await cluster.done("n1", "ps", "--json"))).toEqual(JSON.parse(rows));
	}

	async function tokenOf(node: string, ...state: readonly string[]): Promise<JoinLine> {
		return JSON.parse(await cluster.done(node, "token", "create", "--json", ...state)) as JoinLine;
	}

	it("an image that no node has", () =>
		leavesNothing(async () => {
			const ran = await cluster.swarm("n1", "deploy", "web", "--image", "nowhere:1", "--", "true");
			expectRefusal(ran, 4, /image nowhere:1/);
			expect(ran.stderr).toMatch(/swarm image import/);
		}));

	it("a field that a YAML spec must not have, or not so", () =>
		leavesNothing(async () => {
			const file = join(scratch, "web.yaml");
			await writeFile(file, "name: web\nimage: host\nreplicas: many\n");
			expectRefusal(await cluster.swarm("n1", "deploy", "-f", file), 2, /line 3: replicas is "many", wanted/);
			await writeFile(file, "name: web\nimage: host\nreplcas: 1\n");
			expectRefusal(await cluster.swarm("n1", "deploy", "-f", file), 2, /line 3: replcas is not a known field/);
			await writeFile(file, "name: [web\n");
			expectRefusal(await cluster.swarm("n1", "deploy", "-f", file), 2, /line/);
		}));

	it("a port that a workload publishes on every node, and a name that another workload has", async () => {
		await cluster.deploy("n1", "web", "--replicas", "3", "--publish", "8080:80", ...sleeper);
		await leavesNothing(async () => {
			const port = ["--publish", "8080:8080"];
			expectRefusal(await cluster.swarm("n2", "deploy", "other", ...port, "--", "true"), 5, /port tcp\/8080/);
			expectRefusal(await cluster.swarm("n2", "deploy", "web", "--", "true"), 5, /web: the name is taken/);
		});
	});

	it("a port on which something else listens already", () =>
		leavesNothing(async () => {
			const state = join(scratch, "second");
			const listen = `${cluster.node("n1").address}:${LAB_PORT}`;
			const ran = await cluster.swarm("n1", "node", "start", "--state", state, "--name", "n9", "--listen", listen);
			expectRefusal(ran, 5, new RegExp(`${LAB_PORT}: the port is taken`));
			const elsewhere = await cluster.swarm("n1", "node", "start", "--state", state, "--listen", "10.254.0.1");
			expectRefusal(elsewhere, 2, /10\.254\.0\.1/);
			expect(existsSync(state)).toBe(false);
		}));

	it("a token of another cluster, and a token that is none", () =>
		leavesNothing(async () => {
			const [other, mine] = [join(scratch, "other"), join(scratch, "mine")];
			const { address } = cluster.node("n2");
			await cluster.done("n2", "node", "start", "--state", other, "--name", "x1", "--listen", `${address}:7947`);
			try {
				const stranger = await tokenOf("n2", "--state", other);
				const ours = await tokenOf("n1");
				const as = ["--state", mine, "--name", "n9", "--listen", `${address}:7948`];
				const wrong = await cluster.swarm("n2", "node", "join", ours.address, "--token", stranger.token, ...as);
				expectRefusal(wrong, 5, /another cluster/);
				expect(existsSync(mine)).toBe(false);
				const garbled = await cluster.swarm("n2", "node", "join", ours.address, "--token", "swarm1.abc", ...as);
				expectRefusal(garbled, 2, /token/);
				expect(existsSync(mine)).toBe(false);
			} finally {
				await cluster.done("n2", "node", "stop", "--state", other);
			}
		}));

	it("the name of another node", () =>
		leavesNothing(async () => {
			const mine = join(scratch, "mine");
			const { address, token } = await tokenOf("n1");
			const as = ["--state", mine, "--name", "n3", "--listen", `${cluster.node("n2").address}:7948`];
			const ran = await cluster.swarm("n2", "node", "join", address, "--token", token, ...as);
			expectRefusal(ran, 5, /name n3 is taken/);
			expect(existsSync(mine)).toBe(false);
			expect(JSON.parse(await cluster.done("n1", "node", "ls", "--json"))).toHaveLength(3);
		}));

	it("an archive that writes outside its directory", () =>
		leavesNothing(async () => {
			const layer = await tarOf([{ name: "../../../../../../tmp/ct-wrong-escaped", content: "out" }]);
			const file = join(scratch, "climbs.tar");
			await writeFile(file, await ociTar({ layers: [layer], name: "climbs:1" }));
			expectRefusal(await cluster.swarm("n1", "image", "import", file), 5, /\.\./);
			expect(existsSync("/tmp/ct-wrong-escaped")).toBe(false);
			const outer = join(scratch, "outer.tar");
			await writeFile(outer, await tarOf([{ name: "../ct-wrong-escaped", content: "out" }]));
			expectRefusal(await cluster.swarm("n1", "image", "import", outer), 5, /\.\.\/ct-wrong-escaped/);
			expect(existsSync(join(scratch, "../ct-wrong-escaped"))).toBe(false);
		}));
});
