import * as Args from "@oclif/core/args";
import type { HardwareProfile, NodeSample } from "../../../model.js";
import type { NodeDetail } from "../../../node/api/contract.js";
import { NodeCommand } from "../../base-command.js";
import { bytesInWords, fields, pairsInWords, timeInWords } from "../../print.js";

type Lines = readonly (readonly [string, string | null])[];

export default class NodeShow extends NodeCommand {
	static override summary = "Show a node: its hardware, what is promised there and how it is now.";
	static override examples = ["<%= config.bin %> node show", "<%= config.bin %> node show n2 --json"];
	static override args = {
		node: Args.string({ description: "Name or id (default: the node that answers).", ignoreStdin: true }),
	};

	async run(): Promise<void> {
		const { args, flags } = await this.parse(NodeShow);
		const client = this.client(flags);
		const detail = await client.node(args.node ?? (await client.ping()).name);
		this.answer(detail, () => fields([...identity(detail), ...hardware(detail.record.hardware), ...now(detail)]));
	}
}

function identity(detail: NodeDetail): Lines {
	return [
		["node", detail.name],
		["id", detail.node],
		["state", detail.liveness],
		["role", detail.role],
		["addresses", detail.addresses.join(" ") || null],
		["version", detail.version],
		["labels", pairsInWords(detail.record.labels)],
		["joined", timeInWords(detail.record.joinedAtMs)],
		["containers", String(detail.containers)],
	];
}

function hardware(profile: HardwareProfile): Lines {
	const gpus = profile.gpus.map((gpu) => `${gpu.vendor} ${gpu.address}${gpu.driver === null ? " (no driver)" : ""}`);
	return [
		["architecture", profile.architecture],
		["kernel", profile.kernel],
		["cpu", profile.cpuModel],
		["cpus", `${profile.cpus} on ${profile.cores} cores`],
		["memory", bytesInWords(profile.memoryBytes)],
		["numa nodes", profile.numa.length === 0 ? "unknown" : String(profile.numa.length)],
		["gpus", gpus.join(", ") || "none"],
		["sensors", profile.sensors.length === 0 ? "none" : String(profile.sensors.length)],
	];
}

function now(detail: NodeDetail): Lines {
	const { requested, sample } = detail;
	const promised = `${requested.cpus} CPUs, ${bytesInWords(requested.memoryBytes)}`;
	if (sample === null)
		return [
			["promised", promised],
			["now", "unknown (no heartbeat yet)"],
		];
	return [
		["promised", promised],
		["load", `${sample.load1.toFixed(2)} (1 min), ${sample.load5.toFixed(2)} (5 min)`],
		["memory free", bytesInWords(sample.memoryBytesAvailable)],
		["disk free", bytesInWords(sample.diskBytesFree)],
		[
			"pressure",
			`cpu ${percent(sample.cpuPressure)}, memory ${percent(sample.memoryPressure)}, io ${percent(sample.ioPressure)}`,
		],
		["temperature", heat(sample)],
		["measured", timeInWords(sample.takenAtMs)],
	];
}

function percent(value: number | null): string {
	return value === null ? "unknown" : `${value.toFixed(1)} %`;
}

function heat(sample: NodeSample): string {
	const { temperatureCelsius, thermalHeadroomCelsius } = sample;
	if (temperatureCelsius === null) return "unknown (no sensor)";
	const margin =
		thermalHeadroomCelsius === null ? "no limit known" : `${thermalHeadroomCelsius.toFixed(1)} °C below its limit`;
	return `${temperatureCelsius.toFixed(1)} °C, ${margin}`;
}
