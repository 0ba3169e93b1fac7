import type { ContainerHealth, Security } from "../../model.js";
import type { ContainerDetail } from "../../node/api/contract.js";
import { healthCheckInWords } from "../../node/spec/health-field.js";
import { restartInWords } from "../../node/spec/restart-field.js";
import { volumeInWords } from "../../node/spec/volumes.js";
import { containerArgument } from "../arguments.js";
import { NodeCommand } from "../base-command.js";
import { phaseInWords, restartsInWords } from "../container-table.js";
import { limitsInWords, oomInWords } from "../limits-in-words.js";
import { bytesInWords, fields, pairsInWords, timeInWords } from "../print.js";

export default class Inspect extends NodeCommand {
	static override summary = "Show all that is known of a container.";
	static override description = "With --json also its spec, its claim and what every node that has it says.";
	static override examples = ["<%= config.bin %> inspect web", "<%= config.bin %> inspect web.0 --json"];
	static override args = { container: containerArgument() };

	async run(): Promise<void> {
		const { args, flags } = await this.parse(Inspect);
		const detail = await this.client(flags).inspect(args.container);
		this.answer(detail, () => fields(linesOf(detail)));
	}
}

function linesOf(detail: ContainerDetail): readonly (readonly [string, string | null])[] {
	const { spec } = detail.spec;
	const { state, stats } = detail;
	return [
		["container", detail.container],
		["node", detail.node],
		["phase", phaseInWords(detail)],
		["desired", detail.desired],
		["epoch", detail.epoch === null ? null : String(detail.epoch)],
		["revision", String(detail.spec.revision)],
		["image", detail.image],
		["digest", state?.imageDigest ?? null],
		[
			"command",
			spec.command?.map((part) => (/^[\w./:=@%+-]+$/.test(part) ? part : JSON.stringify(part))).join(" ") ?? null,
		],
		["env", pairsInWords(spec.env)],
		["labels", pairsInWords(spec.labels)],
		["cpus", spec.resources.cpus === null ? "no limit" : String(spec.resources.cpus)],
		["memory", memoryInWords(detail)],
		["pids", `${stats === null ? "?" : stats.pids} of ${spec.resources.pids ?? "no limit"}`],
		...limitsInWords(spec.resources),
		["cpu quota", stats?.cpuQuotaPercent == null ? null : `${stats.cpuQuotaPercent} % at present`],
		["cpu time", stats === null ? null : `${(stats.cpuUsageUs / 1_000_000).toFixed(2)} s`],
		["terminal", spec.terminal ? "its own, see swarm attach" : null],
		["stdin", spec.stdin ? "open for swarm attach" : null],
		["isolation", spec.isolation],
		["security", securityInWords(spec.security)],
		["user namespace", userNamespaceInWords(detail)],
		["address", detail.address],
		["ports", detail.ports.join(" ") || null],
		["volumes", spec.volumes.map(volumeInWords).join(" ") || null],
		["pid", state?.pid === null || state === null ? null : String(state.pid)],
		["created", timeInWords(state?.createdAtMs ?? null)],
		["started", timeInWords(detail.startedAtMs)],
		["finished", timeInWords(state?.finishedAtMs ?? null)],
		["policy", spec.policy],
		["lease", spec.policy === "exclusive" ? (detail.lease ?? "not known, its node does not answer") : null],
		["restart", restartInWords(spec.restart)],
		["restarts", restartsInWords(detail, Date.now())],
		["log size", `at most ${bytesInWords(spec.logBytesMax)}`],
		["health check", spec.health === null ? null : healthCheckInWords(spec.health)],
		["health", healthInWords(detail.health)],
		["oom kills", state?.oom == null ? null : oomInWords(state.oom)],
		["exit code", detail.exitCode === null ? null : String(detail.exitCode)],
		["move", state?.move ?? null],
		["error", detail.error],
	];
}

/** What differs from the usual; null when nothing does. */
function securityInWords(security: Security): string | null {
	const { capabilities, rlimits, sysctls, oomScoreAdj, readOnlyRoot, seccomp, devices, userNamespace } = security;
	const counts = (value: number | null) => value ?? "unlimited";
	return (
		[
			...capabilities.add.map((name) => `+${name}`),
			...capabilities.drop.map((name) => `-${name}`),
			...capabilities.ambient.map((name) => `ambient ${name}`),
			...(readOnlyRoot === null ? [] : [readOnlyRoot ? "read-only root" : "writable root"]),
			...(userNamespace === null ? [] : [`${userNamespace ? "always" : "without"} a user namespace`]),
			...devices.map(({ path, access }) => `${path}:${access}`),
			...rlimits.map(({ name, soft, hard }) => `${name} ${counts(soft)}:${counts(hard)}`),
			...Object.entries(sysctls).map(([name, value]) => `${name}=${value}`),
			...(seccomp === "default" ? [] : [`seccomp ${seccomp === "unconfined" ? seccomp : "of its own"}`]),
			...(oomScoreAdj === null ? [] : [`oom score ${oomScoreAdj}`]),
		].join(", ") || null
	);
}

/** null where nothing is known of a container that runs. */
function userNamespaceInWords({ spec: { spec }, state }: ContainerDetail): string | null {
	if (state == null || state.pid === null) return null;
	if (state.firstId != null) return `its root is user ${state.firstId} of the node`;
	if (spec.security.userNamespace === false) return "none, as its spec says: its root is the node's";
	if (spec.isolation === "minimal") return "none with isolation minimal: its root is the node's";
	return "none, its root is the node's: its node, or what it shows of it, cannot map ids (swarm doctor)";
}

function healthInWords(health: ContainerHealth | null): string | null {
	if (health === null) return null;
	const why = health.reason === null ? "" : `: ${health.reason}`;
	return `${health.status} since ${timeInWords(health.sinceMs)}${why}`;
}

function memoryInWords(detail: ContainerDetail): string {
	const limit = detail.spec.spec.resources.memoryBytes;
	const used = detail.stats === null ? "?" : bytesInWords(detail.stats.memoryBytes);
	return `${used} of ${limit === null ? "no limit" : bytesInWords(limit)}`;
}
