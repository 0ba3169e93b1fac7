import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SwarmError } from "../../src/errors.js";
import type { MigrationPorts } from "../../src/migration/ports.js";
import { containerIdOf } from "../../src/model.js";
import type { Checkpoints } from "../../src/runtime/runtime.js";
import { createRequest } from "../support/create-request.js";
import { noTraces, tracesOf } from "../support/kernel.js";
import { busyboxImage } from "../support/native-world.js";
import { until } from "../support/until.js";
import {
	leftoversOf,
	missingForMoves,
	openRealCluster,
	type RealCluster,
	type RealNode,
} from "./support/real-nodes.js";

const missing = missingForMoves();
const web = containerIdOf("web", 0);
const never = new AbortController().signal;
const counter = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done";
const steps = ["verdict", "image", "dump", "transfer", "restore", "handover", "release"];

describe.skipIf(missing !== null)(`moves that fail${missing === null ? "" : ` (needs ${missing})`}`, () => {
	let cluster: RealCluster;
	let a: RealNode;
	let b: RealNode;
	beforeEach(async () => {
		cluster = await openRealCluster(2, (directory) => busyboxImage(`${directory}/rootfs`), 0);
		[a, b] = cluster.nodes as [RealNode, RealNode];
	});
	afterEach(async () => {
		const nodes = [...cluster.nodes];
		await cluster.dispose();
		for (const { scope } of nodes) expect(tracesOf(scope)).toEqual(noTraces);
	});

	const run = async () => {
		const command = ["/bin/sh", "-c", counter];
		await cluster.run(a, createRequest(web, { command, address: "10.99.78.8", image: cluster.image }));
		await until("the counter to count", async () => (await numbers(a)).length > 5);
	};
	const numbers = async (node: RealNode) => {
		const seen: number[] = [];
		for await (const line of node.runtime.logs(web, { tail: null, sinceMs: null, follow: false, stream: null }, never))
			seen.push(Number(line.text));
		return seen;
	};
	/** Moves, and does something once when the move gets to a step. */
	const moveMeeting = (step: string, act: () => void | Promise<void>) => {
		let met = false;
		const onProgress = (progress: { readonly step: string }) => {
			if (met || progress.step !== step) return;
			met = true;
			void act();
		};
		return a.migrations.migrate(web, b.id, { onProgress, signal: never });
	};
	/** What must be true after all is over: one copy, where the claim says, counting on, and nothing left of the move. */
	const settles = async () => {
		await until(
			"the move to be over on both ends",
			() => [a, b].every((node) => node.migrations.moving().size === 0 && leftoversOf(node).length === 0),
			60_000,
		);
		const holders = [a, b].filter((node) => node.runtime.get(web) !== null);
		expect(holders.map((node) => node.runtime.get(web)?.phase)).toEqual(["running"]);
		const [holder] = holders as [RealNode];
		expect(cluster.view(holder).claims.get(web)).toMatchObject({ owner: holder.id });
		expect(holder.runtime.get(web)?.epoch).toBe(cluster.view(holder).claims.get(web)?.epoch);
		const before = (await numbers(holder)).length;
		await until("it to count on", async () => (await numbers(holder)).length > before + 5, 20_000);
		const all = await numbers(holder);
		expect(all).toEqual(all.map((_, index) => index + 1));
		return holder;
	};
	const meddle = async (node: RealNode, change: (ports: MigrationPorts) => Partial<MigrationPorts>) => {
		node.meddle = (ports) => ({ ...ports, ...change(ports) });
		node.kill();
		await node.restart();
	};
	const failing = (ports: MigrationPorts, name: keyof Checkpoints) =>
		changed(ports, () => ({ [name]: () => Promise.reject(new SwarmError("failed", `no ${name}`)) }));
	const changed = (
		ports: MigrationPorts,
		change: (real: Checkpoints) => Partial<Checkpoints>,
	): Partial<MigrationPorts> => {
		const real = ports.runtime.checkpoints as Checkpoints;
		const checkpoints: Checkpoints = {
			dump: (...given) => real.dump(...given),
			thaw: (...given) => real.thaw(...given),
			files: (id) => real.files(id),
			restore: (...given) => real.restore(...given),
			release: (...given) => real.release(...given),
			...change(real),
		};
		const runtime = new Proxy(ports.runtime, {
			get(target, property) {
				if (property === "checkpoints") return checkpoints;
				const value: unknown = Reflect.get(target, property);
				return typeof value === "function" ? value.bind(target) : value;
			},
		});
		return { runtime };
	};

	it.each(steps)("leave one copy when the link is cut at %s", async (step) => {
		await run();
		await new Promise<void>((resolve) => {
			// What is true while the link is cut is not yet what all know.
			const cut = async () => {
				cluster.cut = true;
				await new Promise((over) => setTimeout(over, 300));
				cluster.cut = false;
				resolve();
			};
			moveMeeting(step, cut).catch(() => {});
		});
		await settles();
	});

	it.each(steps)("leave one copy when the daemon of the source is killed at %s", async (step) => {
		await run();
		await new Promise<void>((resolve, reject) => {
			const kill = async () => {
				a.kill();
				await a.restart();
				resolve();
			};
			moveMeeting(step, () => kill().catch(reject)).catch(() => {});
		});
		await settles();
	});

	it.each(steps)("leave one copy when the daemon of the target is killed at %s", async (step) => {
		await run();
		const moved = moveMeeting(step, async () => {
			b.kill();
			await b.restart();
		});
		await moved.catch(() => {});
		await settles();
	});

	it("leave it running on the source when the target cannot restore it", async () => {
		await meddle(b, (ports) => failing(ports, "restore"));
		await run();
		await expect(a.migrations.migrate(web, b.id, { onProgress: () => {}, signal: never })).rejects.toThrow(
			"no restore",
		);
		expect(await settles()).toBe(a);
	});

	it("give it back to the source when the target cannot release it", async () => {
		await meddle(b, (ports) => failing(ports, "release"));
		await run();
		await expect(a.migrations.migrate(web, b.id, { onProgress: () => {}, signal: never })).rejects.toThrow();
		expect(await settles()).toBe(a);
		expect(a.runtime.get(web)?.epoch).toBe(3);
	});

	it("give it back to the source when the copy dies while it waits", async () => {
		const killed = async (real: Checkpoints, ...given: Parameters<Checkpoints["restore"]>) => {
			const state = await real.restore(...given);
			if (state.pid !== null) process.kill(state.pid, "SIGKILL");
			return state;
		};
		await meddle(b, (ports) => changed(ports, (real) => ({ restore: (...given) => killed(real, ...given) })));
		await run();
		await expect(a.migrations.migrate(web, b.id, { onProgress: () => {}, signal: never })).rejects.toThrow();
		expect(await settles()).toBe(a);
		expect(a.runtime.get(web)?.epoch).toBe(3);
	});

	it("leave it running on the source when the hand-over cannot be written", async () => {
		await meddle(a, (ports) => ({
			state: { ...ports.state, commit: () => Promise.reject(new SwarmError("failed", "the disk is gone")) },
		}));
		await run();
		await expect(a.migrations.migrate(web, b.id, { onProgress: () => {}, signal: never })).rejects.toThrow(
			"the disk is gone",
		);
		expect(await settles()).toBe(a);
	});

	it("keep it frozen while nobody knows whether the hand-over is on the disk, and go on when it is", async () => {
		const phases: (string | undefined)[] = [];
		await meddle(a, (ports) => ({
			state: {
				...ports.state,
				commit(records, drop) {
					phases.push(a.runtime.get(web)?.phase);
					if (phases.length > 2) return ports.state.commit(records, drop);
					return Promise.reject(new SwarmError("failed", "the disk is gone", { details: { uncertain: true } }));
				},
			},
		}));
		await run();
		await a.migrations.migrate(web, b.id, { onProgress: () => {}, signal: never });
		expect(phases).toEqual(["checkpointing", "checkpointing", "checkpointing"]);
		expect(await settles()).toBe(b);
	});

	it("are given up on request until the hand-over", async () => {
		await run();
		const controller = new AbortController();
		const onProgress = ({ step }: { readonly step: string }) => {
			if (step === "transfer") controller.abort(new SwarmError("aborted", "changed my mind"));
		};
		await expect(a.migrations.migrate(web, b.id, { onProgress, signal: controller.signal })).rejects.toThrow(
			"changed my mind",
		);
		expect(await settles()).toBe(a);
	});

	it.each(["inventory.img", "pages-1.img"])(
		"are given up in the middle of the dump, when %s is there: CRIU takes all back",
		async (file) => {
			await run();
			const controller = new AbortController();
			const isThere = () => {
				const images = leftoversOf(a).map((move) => join(a.directory, "moves", move, "images", file));
				return images.some((path) => existsSync(path));
			};
			let isOver = false;
			const moved = a.migrations.migrate(web, b.id, { onProgress: () => {}, signal: controller.signal }).finally(() => {
				isOver = true;
			});
			const answer = expect(moved).rejects.toThrow("changed my mind");
			// A dump takes some ten milliseconds.
			while (!isThere() && !isOver) await new Promise(setImmediate);
			controller.abort(new SwarmError("aborted", "changed my mind"));
			await answer;
			expect(await settles()).toBe(a);
		},
	);

	it("refuse a second move of the same container and a container that is not here", async () => {
		await run();
		const first = a.migrations.migrate(web, b.id, { onProgress: () => {}, signal: never });
		await until("the move to begin", () => a.migrations.moving().has(web));
		await expect(a.migrations.migrate(web, b.id, { onProgress: () => {}, signal: never })).rejects.toThrow(/web\.0/);
		await first;
		expect(await settles()).toBe(b);
		await expect(a.migrations.migrate(web, b.id, { onProgress: () => {}, signal: never })).rejects.toMatchObject({
			code: "not-found",
		});
	});
});
