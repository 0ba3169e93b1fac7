// The one error of Stratoswarm. Callers branch on `code`; the message is for people:
// "Cannot <action>: <state>, <wanted>". Errors cross sockets and the mesh as data (toJSON / fromJSON).

export type ErrorCode =
	| "usage" // what was given is wrong: field, value, what is wanted
	| "not-found"
	| "conflict" // the name, port, address or phase is taken or not right now
	| "refused" // a rule, limit or check says no, with the reason
	| "unreachable" // a node or daemon does not answer
	| "unsupported" // this machine lacks a feature; details name it
	| "fenced" // the epoch is older than one already seen
	| "corrupt" // bytes from disk or network that do not verify
	| "too-large" // a named limit was passed
	| "timeout"
	| "aborted"
	| "failed"; // anything else that went wrong

/** Exit codes of the command line: 0 done, 1 failed, 2 usage, 3 node unreachable, 4 not found, 5 refused. */
export const exitCodeOf: Readonly<Record<ErrorCode, number>> = {
	usage: 2,
	"not-found": 4,
	conflict: 5,
	refused: 5,
	unreachable: 3,
	unsupported: 5,
	fenced: 5,
	corrupt: 1,
	"too-large": 5,
	timeout: 1,
	aborted: 1,
	failed: 1,
};

export interface ErrorData {
	readonly code: ErrorCode;
	readonly message: string;
	readonly retryable: boolean;
	readonly details: Readonly<Record<string, unknown>>;
}

export interface ErrorOptions {
	readonly retryable?: boolean;
	readonly details?: Readonly<Record<string, unknown>>;
	readonly cause?: unknown;
}

export class SwarmError extends Error {
	readonly code: ErrorCode;
	readonly retryable: boolean;
	readonly details: Readonly<Record<string, unknown>>;

	constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
		super(message, options.cause === undefined ? undefined : { cause: options.cause });
		this.name = "SwarmError";
		this.code = code;
		this.retryable = options.retryable ?? false;
		this.details = options.details ?? {};
	}

	toJSON(): ErrorData {
		return { code: this.code, message: this.message, retryable: this.retryable, details: this.details };
	}

	/** What arrived as an ErrorData; whatever it is, an error comes out. */
	static fromJSON(data: unknown): SwarmError {
		const { code, message, retryable, details } = (data ?? {}) as Readonly<Record<keyof ErrorData, unknown>>;
		return new SwarmError(
			typeof code === "string" && Object.hasOwn(exitCodeOf, code) ? (code as ErrorCode) : "failed",
			typeof message === "string" ? message : `Cannot go on: the other side failed with ${shown(data)}`,
			{
				retryable: retryable === true,
				details: typeof details === "object" && details !== null ? (details as ErrorData["details"]) : {},
			},
		);
	}
}

/** A value from outside as it reads in a message: its JSON, cut short. Never throws, also for what JSON cannot say. */
export function shown(value: unknown, charactersMax = 80): string {
	try {
		return (JSON.stringify(value) ?? "nothing").slice(0, charactersMax);
	} catch {
		// Deeper than JSON.stringify goes.
		return Array.isArray(value) ? "a list" : typeof value === "object" ? "an object" : typeof value;
	}
}

/** Any thrown value as a SwarmError; `action` opens the message of a foreign error: "Cannot <action>: …". */
export function asSwarmError(thrown: unknown, action: string): SwarmError {
	if (thrown instanceof SwarmError) return thrown;
	const message = thrown instanceof Error ? thrown.message : String(thrown);
	const aborted = thrown instanceof Error && (thrown.name === "AbortError" || thrown.name === "TimeoutError");
	return new SwarmError(aborted ? "aborted" : "failed", `Cannot ${action}: ${message}`, { cause: thrown });
}
