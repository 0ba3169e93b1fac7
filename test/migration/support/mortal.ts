// A daemon that can be killed inside the test's own process: after `kill` its calls do nothing and what it waits for never comes.
// Processes that it started (criu, monitors) live on, as they do after a real SIGKILL.

export interface Mortal {
	kill(): void;
	/** The same object for a daemon that can die. */
	wrap<T extends object>(port: T): T;
}

/** Looking changes nothing. */
const lookings = ["view", "own", "get", "list", "at", "time", "nowMs", "monotonicMs"];

const nothing = new Promise<never>(() => {});

export function createMortal(): Mortal {
	let alive = true;
	const whileAlive = <T>(value: T): T => {
		if (!(value instanceof Promise)) return value;
		return new Promise((resolve, reject) => {
			value.then(
				(result: unknown) => alive && resolve(result),
				(thrown: unknown) => alive && reject(thrown),
			);
		}) as T;
	};
	const wrap = <T extends object>(port: T): T =>
		new Proxy(port, {
			get(target, name) {
				const value: unknown = Reflect.get(target, name);
				if (typeof value === "function")
					return (...args: unknown[]) => {
						if (!alive && name === "after") return () => {};
						if (!alive && !lookings.includes(String(name))) return nothing;
						const guarded = args.map((arg) => (typeof arg === "function" ? guard(arg as () => unknown) : arg));
						return whileAlive(value.apply(target, guarded));
					};
				return typeof value === "object" && value !== null ? wrap(value) : value;
			},
		});
	const guard =
		(callback: (...args: unknown[]) => unknown) =>
		(...args: unknown[]) =>
			alive ? callback(...args) : nothing;
	return {
		kill() {
			alive = false;
		},
		wrap,
	};
}
