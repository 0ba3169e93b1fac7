// The logger: one line of JSON per entry on a given stream. Secrets (tokens, keys) never reach it.

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
	debug(message: string, fields?: LogFields): void;
	info(message: string, fields?: LogFields): void;
	warn(message: string, fields?: LogFields): void;
	error(message: string, fields?: LogFields): void;
	/** A logger that adds `fields` to every entry. */
	with(fields: LogFields): Logger;
}

const levels: readonly LogLevel[] = ["debug", "info", "warn", "error"];

export function createLogger(write: (line: string) => void, minimum: LogLevel, base: LogFields = {}): Logger {
	const emit = (level: LogLevel, message: string, fields: LogFields = {}) => {
		if (levels.indexOf(level) < levels.indexOf(minimum)) return;
		write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...base, ...fields })}\n`);
	};
	return {
		debug: (message, fields) => emit("debug", message, fields),
		info: (message, fields) => emit("info", message, fields),
		warn: (message, fields) => emit("warn", message, fields),
		error: (message, fields) => emit("error", message, fields),
		with: (fields) => createLogger(write, minimum, { ...base, ...fields }),
	};
}

export const silentLogger: Logger = createLogger(() => {}, "error");
