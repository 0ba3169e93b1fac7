// What every adapter of the Runtime port must do, real or simulated. Knows nothing of the kernel: what a workload is comes from
// the world that the adapter's own test file makes.

import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ContainerId } from "../../src/model.js";
import { containerIdOf } from "../../src/model.js";
import type { ContainerState, PreparedImage, Runtime } from "../../src/runtime/runtime.js";
import { createRequest, type RequestWish } from "../support/create-request.js";
import { until } from "../support/until.js";

export interface ContractWorld {
	/** Open, without containers. */
	readonly runtime: Runtime;
	readonly image: PreparedImage;
	readonly commands: {
		/** Runs until it is stopped, and ends at once on the stop signal. */
		readonly forever: readonly string[];
		/** Runs until SIGKILL. */
		readonly stubborn: readonly string[];
		/** Ends at once with that code. */
		exit(code: number): readonly string[];
		/** Writes the lines to standard output and ends with 0; null where output is not simulated. */
		readonly print: ((lines: readonly string[]) => readonly string[]) | null;
		/** A program that the image does not have. */
		readonly missing: readonly string[];
	};
	/** Resolves when a container that runs `forever` heeds the stop signal; absent: at once. */
	readonly ready?: (container: ContainerId) => Promise<void>;
	/** Exit code of `forever` after the stop signal. */
	readonly stoppedExitCode: number;
	/** The daemon is killed without warning (the old runtime must not be used any more) and another one opens. */
	reopen(): Promise<Runtime>;
	/** Removes all containers, closes, takes the world down. */
	dispose(): Promise<void>;
}

const web = containerIdOf("web", 0);
const never = new AbortController().signal;
const GRACE_MS = 20_000;

export function runtimeContract(name: string, makeWorld: () => Promise<ContractWorld>): void {
	describe(`${name} keeps the runtime contract`, () => {
		let world: ContractWorld;
		let runtime: Runtime;
		beforeEach(async () => {
			world = await makeWorld();
			runtime = world.runtime;
		});
		afterEach(async () => {
			await world?.dispose(); // absent when it could not be made: that error is the one to see
		});

		const requestOf = (wish: RequestWish = {}, container: ContainerId = web) =>
			createRequest(container, { command: world.commands.forever, ...wish, image: world.image });
		const create = (wish: RequestWish = {}, container: ContainerId = web) =>
			runtime.create(requestOf(wish, container), never);
		const start = async (container: ContainerId, epoch: number, forever = true) => {
			const state = await runtime.start(container, epoch, never);
			if (forever) await world.ready?.(container);
			return state;
		};
		const run = async (wish: RequestWish = {}, container: ContainerId = web) => {
			const { epoch } = await create(wish, container);
			return start(container, epoch, wish.command === undefined);
		};
		const endOf = (container: ContainerId) =>
			until(
				`${container} to end`,
				() => {
					const state = runtime.get(container);
					return state?.phase === "stopped" || state?.phase === "failed" ? state : null;
				},
				60_000,
			);

		it("creates without running, starts, and stops with an exit code", async () => {
			const created = await create();
			expect(created).toMatchObject({ container: web, epoch: 1, revision: 1, phase: "created", exitCode: null });
			expect(created.startedAtMs).toBeNull();
			const running = await start(web, 1);
			expect(running).toMatchObject({ phase: "running", exitCode: null, error: null });
			expect(running.startedAtMs).toBeGreaterThanOrEqual(running.createdAtMs);
			const stopped = await runtime.stop(web, 1, GRACE_MS, never);
			expect(stopped).toMatchObject({ phase: "stopped", pid: null, exitCode: world.stoppedExitCode });
			expect(stopped.finishedAtMs).not.toBeNull();
			expect(runtime.get(web)).toEqual(stopped);
		});

		it("tells how a container ended that ended by itself", async () => {
			await run({ command: world.commands.exit(0) });
			expect(await endOf(web)).toMatchObject({
				phase: "stopped",
				exitCode: 0,
				pid: null,
				oomKilled: false,
				error: null,
			});
			await runtime.remove(web, 1);
			await run({ command: world.commands.exit(3) });
			expect(await endOf(web)).toMatchObject({ phase: "stopped", exitCode: 3, error: null });
		});

		it("runs an exclusive container under a lease only, and lets it stand still at the lease's end", async () => {
			await create({ policy: "exclusive", epoch: 2 });
			await expect(runtime.start(web, 2, never)).rejects.toMatchObject({ retryable: true });
			expect(runtime.get(web)).toMatchObject({ phase: "created" });
			await runtime.extendLease(web, 2, runtime.guardNowMs() + 2_000);
			expect(await start(web, 2)).toMatchObject({ phase: "running" });
			await until("its lease to end", () => runtime.get(web)?.phase === "paused", 60_000);
			await expect(runtime.resume(web, 2)).rejects.toMatchObject({ retryable: true });
			expect(runtime.get(web)).toMatchObject({ phase: "paused" });
			runtime = await world.reopen();
			expect(runtime.get(web)).toMatchObject({ phase: "paused" });
			await runtime.extendLease(web, 2, runtime.guardNowMs() + 60_000);
			expect(await runtime.resume(web, 2)).toMatchObject({ phase: "running" });
			await expect(runtime.extendLease(web, 1, runtime.guardNowMs() + 90_000)).rejects.toMatchObject({
				code: "fenced",
			});
			expect(await runtime.stop(web, 2, GRACE_MS, never)).toMatchObject({ phase: "stopped" });
		});

		it("ends at once an exclusive container that is stopped when its lease is over", async () => {
			await create({ policy: "exclusive" });
			await runtime.extendLease(web, 1, runtime.guardNowMs() + 1_000);
			await runtime.start(web, 1, never);
			await until("its lease to end", () => runtime.get(web)?.phase === "paused", 60_000);
			expect(await runtime.stop(web, 1, GRACE_MS, never)).toMatchObject({ phase: "stopped" });
		});

		it("kills what does not heed the stop signal after its grace", async () => {
			await run({ command: world.commands.stubborn });
			expect(await runtime.stop(web, 1, 300, never)).toMatchObject({ phase: "stopped", exitCode: 137 });
		});

		it("leaves a stopped container as it is when it is stopped again", async () => {
			await run();
			const stopped = await runtime.stop(web, 1, GRACE_MS, never);
			expect(await runtime.stop(web, 1, GRACE_MS, never)).toEqual(stopped);
		});

		it("stops a container that was created and never started", async () => {
			await create();
			expect((await runtime.stop(web, 1, GRACE_MS, never)).phase).toBe("stopped");
		});

		it("refuses to start a program that the image does not have, and says so in the state", async () => {
			await create({ command: world.commands.missing });
			await expect(runtime.start(web, 1, never)).rejects.toMatchObject({ code: "usage" });
			const state = runtime.get(web);
			expect(state).toMatchObject({ phase: "failed", exitCode: 127 });
			expect(state?.error).toBeTruthy();
		});

		it("pauses, resumes, and stops a paused container", async () => {
			await run();
			expect((await runtime.pause(web, 1)).phase).toBe("paused");
			expect((await runtime.resume(web, 1)).phase).toBe("running");
			await runtime.pause(web, 1);
			expect(await runtime.stop(web, 1, GRACE_MS, never)).toMatchObject({ phase: "stopped" });
		});

		it("refuses what the phase does not allow, and changes nothing by it", async () => {
			const created = await create();
			await expect(runtime.pause(web, 1)).rejects.toMatchObject({ code: "conflict" });
			await expect(runtime.reset(web, 2, 1, never)).rejects.toMatchObject({ code: "conflict" });
			await expect(create()).rejects.toMatchObject({ code: "conflict" });
			expect(runtime.get(web)).toEqual(created);
			await runtime.start(web, 1, never);
			await expect(runtime.start(web, 1, never)).rejects.toMatchObject({ code: "conflict" });
			await expect(runtime.resume(web, 1)).rejects.toMatchObject({ code: "conflict" });
		});

		it("knows nothing of a container that is not here", async () => {
			expect(runtime.get(web)).toBeNull();
			await expect(runtime.start(web, 1, never)).rejects.toMatchObject({ code: "not-found" });
			await expect(runtime.stop(web, 1, 0, never)).rejects.toMatchObject({ code: "not-found" });
			await expect(runtime.stats(web)).rejects.toMatchObject({ code: "not-found" });
			await runtime.remove(web, 1);
		});

		it("runs again only under a higher epoch, with the revision given", async () => {
			await run({ command: world.commands.exit(3) });
			await endOf(web);
			await expect(runtime.reset(web, 1, 1, never)).rejects.toMatchObject({ code: "conflict" });
			const reset = await runtime.reset(web, 2, 5, never);
			expect(reset).toMatchObject({ phase: "created", epoch: 2, revision: 5, exitCode: null, finishedAtMs: null });
			await runtime.start(web, 2, never);
			expect(await endOf(web)).toMatchObject({ exitCode: 3, epoch: 2 });
		});

		it("fences every call of a lower epoch, and does nothing on it", async () => {
			const created = await create({ epoch: 4 });
			for (const call of [
				() => runtime.start(web, 3, never),
				() => runtime.stop(web, 3, 0, never),
				() => runtime.pause(web, 3),
				() => runtime.resume(web, 3),
				() => runtime.reset(web, 3, 1, never),
				() => runtime.remove(web, 3),
			])
				await expect(call()).rejects.toMatchObject({ code: "fenced" });
			expect(runtime.get(web)).toEqual(created);
		});

		it("keeps the fence over a restart and after removal", async () => {
			await create({ epoch: 4 });
			runtime = await world.reopen();
			await expect(runtime.start(web, 3, never)).rejects.toMatchObject({ code: "fenced" });
			await runtime.remove(web, 5);
			await expect(create({ epoch: 4 })).rejects.toMatchObject({ code: "fenced" });
			runtime = await world.reopen();
			await expect(create({ epoch: 4 })).rejects.toMatchObject({ code: "fenced" });
			expect((await create({ epoch: 5 })).epoch).toBe(5);
		});

		it("removes a container in every phase, twice without harm", async () => {
			await create();
			await runtime.remove(web, 1);
			await run();
			await runtime.remove(web, 1);
			await run();
			await runtime.pause(web, 1);
			await runtime.remove(web, 1);
			await run({ command: world.commands.exit(0) });
			await endOf(web);
			await runtime.remove(web, 1);
			await runtime.remove(web, 1);
			expect(runtime.get(web)).toBeNull();
			expect(runtime.list()).toEqual([]);
		});

		it("announces every change in order, and nothing after unsubscribing", async () => {
			const phases: string[] = [];
			const unsubscribe = runtime.subscribe(({ phase }) => {
				if (phases.at(-1) !== phase) phases.push(phase);
			});
			await run();
			await runtime.pause(web, 1);
			await runtime.resume(web, 1);
			await runtime.stop(web, 1, GRACE_MS, never);
			expect(phases).toEqual([
				...["created", "starting", "running"],
				...["pausing", "paused", "resuming", "running", "stopping", "stopped"],
			]);
			unsubscribe();
			await runtime.remove(web, 1);
			expect(phases).toHaveLength(9);
		});

		it("serves the calls for one container one after the other, in the order of asking", async () => {
			const results = await Promise.all([
				create(),
				runtime.start(web, 1, never),
				runtime.pause(web, 1),
				runtime.resume(web, 1),
				runtime.stop(web, 1, 500, never),
			]);
			expect(results.map(({ phase }) => phase)).toEqual(["created", "running", "paused", "running", "stopped"]);
		});

		it("lists several containers, each with its own state", async () => {
			const ids = [0, 1, 2].map((index) => containerIdOf("web", index));
			await Promise.all(ids.map((id) => run({}, id)));
			await runtime.stop(ids[1] as ContainerId, 1, GRACE_MS, never);
			const phases = new Map(runtime.list().map(({ container, phase }) => [container as string, phase]));
			expect([...phases].sort()).toEqual([
				["web.0", "running"],
				["web.1", "stopped"],
				["web.2", "running"],
			]);
		});

		it("keeps containers over the death of the daemon, whatever their phase", async () => {
			const [created, running, paused, stopped] = [0, 1, 2, 3].map((index) => containerIdOf("web", index)) as [
				ContainerId,
				ContainerId,
				ContainerId,
				ContainerId,
			];
			await create({}, created);
			await run({}, running);
			await run({}, paused);
			await runtime.pause(paused, 1);
			await run({ command: world.commands.exit(7) }, stopped);
			await endOf(stopped);
			const before = runtime.list().map(lasting);
			runtime = await world.reopen();
			expect(runtime.list().map(lasting).sort(byContainer)).toEqual([...before].sort(byContainer));
			await start(created, 1);
			await runtime.resume(paused, 1);
			for (const id of [created, running, paused])
				expect(await runtime.stop(id, 1, GRACE_MS, never)).toMatchObject({ exitCode: world.stoppedExitCode });
		});

		it("runs a program to its end in one call, and leaves nothing of it", async () => {
			const ended = await runtime.run(requestOf({ command: world.commands.exit(7) }), never);
			expect(ended).toMatchObject({ container: web, phase: "stopped", exitCode: 7, error: null });
			expect(runtime.list()).toEqual([]);
			expect((await runtime.run(requestOf({ command: world.commands.exit(0) }), never)).exitCode).toBe(0);
		});

		it("refuses to run what the image does not have, or beside a container of that name", async () => {
			const missing = requestOf({ command: world.commands.missing });
			await expect(runtime.run(missing, never)).rejects.toMatchObject({ code: "usage" });
			expect(runtime.list()).toEqual([]);
			await create();
			await expect(runtime.run(requestOf(), never)).rejects.toMatchObject({ code: "conflict" });
			expect(runtime.get(web)?.phase).toBe("created");
		});

		it("ends and removes what it runs when the caller goes away", async () => {
			const caller = new AbortController();
			const running = runtime.run(requestOf({ command: world.commands.stubborn }), caller.signal);
			const outcome = expect(running).rejects.toBeTruthy();
			await until("it to run", () => (runtime.get(web)?.phase === "running" ? true : null), 60_000);
			caller.abort(new Error("gone"));
			await outcome;
			expect(runtime.get(web)).toBeNull();
		});

		it("gives what runs other resources without starting it again, also what has ended, for ever", async () => {
			const before = await run({ epoch: 2 });
			const resources = { cpus: 0.5, memoryBytes: null, pids: 100 };
			const after = await runtime.update(web, 2, 2, resources);
			const { phase, pid, startedAtMs, epoch } = before;
			expect(after).toMatchObject({ phase, pid, startedAtMs, epoch, revision: 2, spec: { resources } });
			await expect(runtime.update(web, 1, 3, resources)).rejects.toMatchObject({ code: "fenced" });
			await runtime.stop(web, 2, GRACE_MS, never);
			await runtime.update(web, 2, 3, { ...resources, pids: 50 });
			runtime = await world.reopen();
			const wanted = { phase: "stopped", revision: 3, spec: { resources: { pids: 50 } } };
			expect(runtime.get(web)).toMatchObject(wanted);
			await runtime.reset(web, 3, 3, never);
			expect(runtime.get(web)).toMatchObject({ spec: wanted.spec, phase: "created" });
		});

		it("lets a caller give up, and leaves nothing half made", async () => {
			const controller = new AbortController();
			controller.abort(new Error("given up"));
			await expect(runtime.create(requestOf(), controller.signal)).rejects.toBeTruthy();
			expect(runtime.get(web)).toBeNull();
			await create();
			await expect(runtime.start(web, 1, controller.signal)).rejects.toBeTruthy();
			expect(runtime.get(web)?.phase).toBe("created");
		});

		it("gives the output of a container that ended, also after a restart", async (test) => {
			const { print } = world.commands;
			if (print === null) return test.skip("this adapter has no output");
			await run({ command: print(["one", "two", "three"]) });
			await endOf(web);
			const read = async (tail: number | null) => {
				const texts: string[] = [];
				for await (const line of runtime.logs(web, { tail, sinceMs: null, follow: true, stream: null }, never))
					texts.push(line.text);
				return texts;
			};
			expect(await read(null)).toEqual(["one", "two", "three"]);
			runtime = await world.reopen();
			expect(await read(2)).toEqual(["two", "three"]);
		});
	});
}

/** What must be the same before and after a restart of the daemon. */
function lasting(state: ContainerState) {
	const { container, epoch, revision, phase, exitCode, address, createdAtMs, error } = state;
	return { container, epoch, revision, phase, exitCode, address, createdAtMs, error };
}

function byContainer(left: { container: string }, right: { container: string }): number {
	return left.container < right.container ? -1 : 1;
}
