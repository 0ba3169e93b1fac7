// The simulated runtime keeps the same contract as the real one.

import type { NodeId } from "../../../src/model.js";
import { type ContractWorld, runtimeContract } from "../../runtime/contract.js";
import { createSimChance } from "./sim-chance.js";
import { createSimMachine } from "./sim-machine.js";
import { createSimProcess } from "./sim-process.js";
import { openSimRuntime, STOPPED_EXIT_CODE } from "./sim-runtime.js";
import { createTimeline } from "./timeline.js";

const STEP_MS = 5;

runtimeContract("the simulated runtime", async (): Promise<ContractWorld> => {
	const timeline = createTimeline();
	const chance = createSimChance("contract");
	let lives = 0;
	const machine = createSimMachine("N1" as NodeId, timeline, chance, () => ++lives, { rate: 1, lateMs: 0 });
	let process = createSimProcess(timeline, { offsetMs: 0, rate: 1 });
	const open = () => openSimRuntime(machine, process, timeline, chance);
	let isOpen = true;
	const move = async () => {
		while (isOpen) await timeline.run(STEP_MS);
	};
	void move();
	return {
		runtime: open(),
		image: {
			name: "host",
			digest: `sha256:${"1".repeat(64)}` as never,
			lowerDirectories: [],
			hostPaths: [],
			config: { entrypoint: [], command: [], env: {}, workdir: "/", user: "root", stopSignal: 15 },
		},
		commands: {
			forever: ["count"],
			stubborn: ["stubborn"],
			exit: (code) => ["exit", `${code}`],
			print: null,
			missing: ["absent"],
		},
		stoppedExitCode: STOPPED_EXIT_CODE,
		async reopen() {
			process.kill();
			process = createSimProcess(timeline, { offsetMs: 0, rate: 1 });
			return open();
		},
		async dispose() {
			isOpen = false;
		},
	};
});
