import { describe, expect, it } from "vitest";
import { lastVictim } from "../../src/runtime/oom.js";

const line = (memcg: string, task: string, pid: number) =>
	`6,978,13844435187,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=${memcg},task_memcg=${memcg},task=${task},pid=${pid},uid=0\n`;

describe("the kernel's word on who was killed", () => {
	it("is the last line about the container's cgroup, wherever its tree is mounted", () => {
		const lines = [
			line("/swarm/a/web.0", "first", 1),
			line("/outer/swarm/a/web.0", "second, or so", 2),
			line("/swarm/a/web.1", "other", 3),
		];
		expect(lastVictim(lines, "/swarm/a/web.0")).toEqual({ name: "second, or so", pid: 2 });
	});

	it("counts a cgroup that the workload made below its own", () => {
		expect(lastVictim([line("/swarm/a/web.0/inner", "x", 4)], "/swarm/a/web.0")).toEqual({ name: "x", pid: 4 });
	});

	it("is not known without a line, or with one that cannot be read", () => {
		expect(lastVictim([], "/swarm/a/web.0")).toBeNull();
		expect(lastVictim(["oom-kill:constraint=CONSTRAINT_NONE"], "/swarm/a/web.0")).toBeNull();
		expect(lastVictim([line("/swarm/a/web.01", "x", 4)], "/swarm/a/web.0")).toBeNull();
	});
});
