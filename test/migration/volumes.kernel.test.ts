// Moves of containers that write to a named volume: what arrives is what was there at the freeze, byte for byte, and whatever fails, one
// node has all of it and the other one nothing.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { containerIdOf, type VolumeMount } from "../../src/model.js";
import { plainExec } from "../../src/runtime/exec-request.js";
import { createRequest, type RequestWish } from "../support/create-request.js";
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
const data: VolumeMount = { kind: "volume", name: "data", target: "/var/lib/db", readOnly: false };
/** Files of many kinds, then one that grows, one that is replaced, and a directory that comes and goes. */
const writer = `cd /var/lib/db; mkdir -p deep/er; b=/bin/busybox
	dd if=/dev/urandom of=deep/random bs=64k count=16 2>/dev/null; dd if=/dev/zero of=hole bs=1 count=1 seek=1000000 2>/dev/null
	$b ln deep/random deep/er/again; $b ln -s ../nowhere deep/link; $b mkfifo pipe; echo odd > "$($b printf 'odd\\n\\377')"
	$b chown 7:8 hole; $b chmod 4711 deep/er/again; : > ready
	exec 9>>log; i=0; while :; do i=$((i+1)); echo $i >&9; echo $i > next; $b mv next now; $b mv deep/er deep/re; mkdir -p t$i
	rm -rf t$((i-3)); $b mv deep/re deep/er; echo $i; sleep 0.01; done`;

describe.skipIf(missing !== null)(`moves with volumes${missing === null ? "" : ` (needs ${missing})`}`, () => {
	let cluster: RealCluster;
	let a: RealNode;
	let b: RealNode;
	beforeEach(async () => {
		cluster = await openRealCluster(2, (directory) => busyboxImage(`${directory}/rootfs`));
		[a, b] = cluster.nodes as [RealNode, RealNode];
	});
	afterEach(async () => {
		const nodes = [...cluster.nodes];
		await cluster.dispose();
		for (const { scope } of nodes) expect(tracesOf(scope)).toEqual(noTraces);
	});

	const contents = (node: RealNode) => join(node.directory, "volumes/data/data");
	const lastOf = (node: RealNode) =>
		Number(
			readFileSync(join(contents(node), "log"), "utf8")
				.trim()
				.split("\n")
				.at(-1),
		);
	const run = async (wish: RequestWish = {}) => {
		const command = ["/bin/sh", "-c", writer];
		const request = { command, address: "10.99.79.9", volumes: [data], ...wish, image: cluster.image };
		await cluster.run(a, createRequest(web, request));
		await until("the volume to be written", () => existsSync(join(contents(a), "ready")) && lastOf(a) > 5);
	};
	/** Names, types, owners, modes, sizes, times, links and contents. */
	const listed = (node: RealNode) => {
		const options = { cwd: contents(node), encoding: "latin1", maxBuffer: 2 ** 26 } as const;
		const names = execFileSync("find", [".", "-printf", "%y %m %U %G %n %T@ %l %p\\0%s\\0"], options).split("\0");
		const sums = execFileSync("find", [".", "-type", "f", "-exec", "sha256sum", "-z", "{}", "+"], options).split("\0");
		// Of directories the size is the file system's own affair.
		const entries = names.flatMap((name, index) =>
			index % 2 === 0 ? [`${name} ${name.startsWith("d") ? "" : names[index + 1]}`] : [],
		);
		return [...entries.sort(), ...sums.sort()];
	};
	const moveMeeting = (step: string, act: () => void) => {
		let met = false;
		const onProgress = (progress: { readonly step: string }) => {
			if (met || progress.step !== step) return;
			met = true;
			act();
		};
		return a.migrations.migrate(web, b.id, { onProgress, signal: never });
	};
	/** One node runs it and has the volume, written on without a gap; the other one has nothing of either. */
	const settles = async () => {
		const isOver = (node: RealNode) => node.migrations.moving().size === 0 && leftoversOf(node).length === 0;
		await until("the move to be over on both ends", () => isOver(a) && isOver(b), 60_000);
		const [holder, ...others] = [a, b].filter((node) => node.runtime.get(web) !== null) as [RealNode];
		expect(others).toEqual([]);
		expect(holder.runtime.get(web)?.phase).toBe("running");
		const empty = holder === a ? b : a;
		expect(holder.runtime.volumes.list()[0]).toMatchObject({ name: "data" });
		expect(empty.runtime.volumes.list()).toEqual([]);
		expect(readdirSync(join(empty.directory, "volumes")).filter((name) => !name.startsWith("."))).toEqual([]);
		const incoming = join(empty.directory, "volumes/.incoming");
		expect(existsSync(incoming) ? readdirSync(incoming) : []).toEqual([]);
		const before = lastOf(holder);
		await until("the volume to be written on", () => lastOf(holder) > before + 5);
		const all = readFileSync(join(contents(holder), "log"), "utf8")
			.trim()
			.split("\n")
			.map(Number);
		expect(all).toEqual(all.map((_, index) => index + 1));
		return holder;
	};

	it("bring it along as it was at the freeze, and take it away from the source", async () => {
		await run({ volumes: [data, { kind: "tmpfs", target: "/run", sizeBytes: 2 ** 20 }] });
		await a.runtime.exec(web, plainExec(["/bin/sh", "-c", "echo memory > /run/note"]));
		const verdict = await a.migrations.verdict(web, b.id, never);
		expect(verdict.checks.find(({ check }) => check === "volume data")).toMatchObject({
			ok: true,
			target: "to be copied",
		});
		let compared = false;
		const moved = await moveMeeting("handover", () => {
			expect(listed(b)).toEqual(listed(a));
			compared = true;
		});
		expect(compared).toBe(true);
		expect(moved.volumeBytes).toBeGreaterThan(2 ** 20);
		expect(moved.bytes).toBeGreaterThan(moved.volumeBytes);
		expect(await settles()).toBe(b);
		const mounts = await b.runtime.exec(web, plainExec(["/bin/sh", "-c", "cat /proc/mounts /run/note"]));
		let text = "";
		mounts.stdout.on("data", (chunk: Buffer) => {
			text += chunk.toString();
		});
		await mounts.exit;
		await until("the answer", () => text.includes("memory\n"));
		expect(text).toMatch(/ \/var\/lib\/db \S+ rw,nosuid,nodev/);
		expect(text).toMatch(/tmpfs \/run tmpfs rw,nosuid,nodev\S*size=1024k/);
	});

	it("keep what is shown read-only read-only, and show a shared path of the node again", async () => {
		const source = join(a.directory, "../nfs");
		mkdirSync(join(source, "in"), { recursive: true });
		writeFileSync(join(source, "in/file"), "shared\n");
		const bind: VolumeMount = { kind: "bind", source, target: "/shared", readOnly: true, shared: true };
		await run({ volumes: [data, { ...data, name: "seen", target: "/seen", readOnly: true }, bind] });
		await a.migrations.migrate(web, b.id, { onProgress: () => {}, signal: never });
		expect(await settles()).toBe(b);
		const session = await b.runtime.exec(
			web,
			plainExec(["/bin/sh", "-c", "cat /shared/in/file; touch /seen/x /shared/x; echo same"]),
		);
		let text = "";
		for (const stream of [session.stdout, session.stderr])
			stream.on("data", (chunk: Buffer) => {
				text += chunk.toString();
			});
		await session.exit;
		await until("the answer", () => text.includes("same"));
		expect(text).toContain("shared\n");
		expect(text.match(/Read-only file system/g)).toHaveLength(2);
	});

	it("are refused where another container has the volume, the target has one of that name, or a path is not shared", async () => {
		await run();
		b.runtime.volumes.create("data", {});
		const refused = (reason: RegExp) =>
			expect(a.migrations.migrate(web, b.id, { onProgress: () => {}, signal: never })).rejects.toThrow(reason);
		await refused(/volume data: the target has a volume data of its own/);
		b.runtime.volumes.remove("data");
		const other = createRequest(containerIdOf("other", 0), {
			command: ["/bin/sleep", "1000"],
			volumes: [data],
			image: cluster.image,
		});
		await a.runtime.create(other, never);
		await refused(/volumes: other\.0 has a volume of it too/);
		await a.runtime.remove(other.container, 1);
		expect(await settles()).toBe(a);
	});

	it("leave all of it at the source when the link is cut while it is copied", async () => {
		await run();
		const moved = moveMeeting("volumes", () => {
			cluster.cut = true;
			setTimeout(() => {
				cluster.cut = false;
			}, 300);
		});
		await expect(moved).rejects.toThrow();
		expect(await settles()).toBe(a);
	});

	it.each(["transfer", "handover"])(
		"leave one whole copy when the daemon of the target is killed at %s",
		async (step) => {
			await run();
			const moved = moveMeeting(step, () => {
				b.kill();
				void b.restart();
			});
			await moved.catch(() => {});
			await settles();
		},
	);

	it("leave one whole copy when the daemon of the source is killed while the copy is on its way", async () => {
		await run();
		await new Promise<void>((resolve, reject) => {
			moveMeeting("transfer", () => {
				a.kill();
				a.restart().then(resolve, reject);
			}).catch(() => {});
		});
		await settles();
	});
});
