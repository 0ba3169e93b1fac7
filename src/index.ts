// What the package `stratoswarm` gives to programs: the mesh API. Everything else is the command line's.

export type { ErrorCode } from "./errors.js";
export { SwarmError } from "./errors.js";
export type {
	ContainerId,
	Grant,
	LogLine,
	MoveProgress,
	MoveResult,
	NodeId,
	ResourceRequest,
	Spec,
	StateRecord,
	SwarmEvent,
	Verb,
	Verdict,
} from "./model.js";
export { verbs } from "./model.js";
export type {
	ContainerDetail,
	ContainerRow,
	DeployResult,
	Explanation,
	ImageRow,
	NodeDetail,
	NodeRow,
	StatsAnswer,
	WatchLine,
} from "./node/api/contract.js";
export {
	type CallOptions,
	type ConnectOptions,
	connect,
	type ExecOptions,
	type ExecResult,
	type LiveView,
	type LogsOptions,
	type SwarmClient,
	type WorkloadSpec,
} from "./node/guests/connect.js";
export type { DocumentChange } from "./node/guests/follow-documents.js";
export {
	type CapabilityDescription,
	createHolderKey,
	describe,
	type Narrowing,
	narrow,
} from "./node/guests/handing-on.js";
