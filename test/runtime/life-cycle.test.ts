import { describe, expect, it } from "vitest";
import { SwarmError } from "../../src/errors.js";
import { containerIdOf, type Phase } from "../../src/model.js";
import { hasEnded, type LifeEvent, nextStep, phasesThatTake, stepOf } from "../../src/runtime/life-cycle.js";

const web = containerIdOf("web", 0);
const phases: readonly Phase[] = [
	"created",
	"starting",
	"running",
	"pausing",
	"paused",
	"resuming",
	"checkpointing",
	"restoring",
	"stopping",
	"stopped",
	"failed",
];
const events: readonly LifeEvent[] = [
	"start",
	"running",
	"start-failed",
	"pause",
	"frozen",
	"pause-failed",
	"resume",
	"thawed",
	"resume-failed",
	"stop",
	"exited",
	"lost",
	"checkpoint",
	"checkpoint-failed",
	"thaw",
	"release",
	"release-failed",
	"reset",
];

function walk(from: Phase, ...path: LifeEvent[]): Phase {
	return path.reduce<Phase>((phase, event) => stepOf(web, phase, event).phase, from);
}

describe("life cycle", () => {
	it("goes from created to stopped through every ordinary phase", () => {
		expect(walk("created", "start", "running")).toBe("running");
		expect(walk("running", "pause", "frozen")).toBe("paused");
		expect(walk("paused", "resume", "thawed")).toBe("running");
		expect(walk("running", "stop", "exited")).toBe("stopped");
	});

	it("brings a container whose checkpoint failed or was rolled back to running again, thawed", () => {
		expect(stepOf(web, "checkpointing", "checkpoint-failed")).toEqual({ phase: "running", effects: ["thaw"] });
		expect(stepOf(web, "checkpointing", "thaw")).toEqual({ phase: "running", effects: ["thaw"] });
	});

	it("thaws twice without harm", () => {
		expect(stepOf(web, "running", "thaw")).toEqual({ phase: "running", effects: [] });
	});

	it("calls an end before the first instruction failed, and an end after it stopped", () => {
		expect(walk("starting", "exited")).toBe("failed");
		expect(walk("restoring", "exited")).toBe("failed");
		expect(walk("running", "exited")).toBe("stopped");
		expect(walk("paused", "exited")).toBe("stopped");
	});

	it("kills a created container that is stopped without waiting for a grace period", () => {
		expect(stepOf(web, "created", "stop").effects).toEqual(["kill"]);
	});

	it("leaves a stopped or failed container as it is when it is stopped again", () => {
		expect(stepOf(web, "stopped", "stop")).toEqual({ phase: "stopped", effects: [] });
		expect(stepOf(web, "failed", "stop")).toEqual({ phase: "failed", effects: [] });
	});

	it("starts again only through reset", () => {
		expect(() => stepOf(web, "stopped", "start")).toThrow("Cannot start web.0: it is stopped, wanted created");
		expect(walk("stopped", "reset")).toBe("created");
		expect(walk("failed", "reset")).toBe("created");
	});

	it("never stops or pauses a container that is being moved", () => {
		for (const event of ["stop", "pause", "checkpoint"] as const) {
			expect(nextStep("checkpointing", event)).toBeNull();
			expect(nextStep("restoring", event)).toBeNull();
		}
	});

	it("can end or lose a container in every phase in which a process of it lives, and in no other", () => {
		for (const phase of phases) {
			expect(nextStep(phase, "exited") === null, phase).toBe(hasEnded(phase));
			expect(nextStep(phase, "lost") === null, phase).toBe(hasEnded(phase));
		}
	});

	it("names the phases that would do in the conflict of every pair that is not in the table", () => {
		for (const phase of phases) {
			for (const event of events) {
				if (nextStep(phase, event) !== null) continue;
				let thrown: unknown = null;
				try {
					stepOf(web, phase, event);
				} catch (error) {
					thrown = error;
				}
				expect(thrown).toBeInstanceOf(SwarmError);
				expect((thrown as SwarmError).code).toBe("conflict");
				expect((thrown as SwarmError).details.wanted).toEqual(phasesThatTake(event));
			}
		}
	});

	it("reaches every phase from created", () => {
		const seen = new Set<Phase>(["created", "restoring"]);
		for (let size = 0; size !== seen.size; ) {
			size = seen.size;
			for (const phase of [...seen])
				for (const event of events) {
					const step = nextStep(phase, event);
					if (step !== null) seen.add(step.phase);
				}
		}
		expect([...seen].sort()).toEqual([...phases].sort());
	});
});
