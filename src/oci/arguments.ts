// Arguments as podman and containerd write them: global options before the sub-command, its own behind it (the command line of runc).
// Pure.

import { SwarmError } from "../errors.js";

/** Name without dashes → whether it takes a value. `alias` is one letter. */
export interface OptionForm {
	readonly takesValue: boolean;
	readonly alias?: string;
	readonly repeats?: boolean;
	readonly says: string;
}

export type OptionForms = Readonly<Record<string, OptionForm>>;

export interface Arguments {
	/** Of options that take one: the values in their order; of the others an empty text each. */
	readonly options: ReadonlyMap<string, readonly string[]>;
	readonly positional: readonly string[];
}

/** Options end at the `positionalMax`-th word that is none, or at `--`; words behind it are positional whatever they look like. */
export function parseArguments(argv: readonly string[], forms: OptionForms, positionalMax: number): Arguments {
	const options = new Map<string, string[]>();
	const positional: string[] = [];
	let at = 0;
	for (; at < argv.length && positional.length < positionalMax; at++) {
		const word = argv[at] as string;
		if (word === "--") {
			at++;
			break;
		}
		if (!word.startsWith("-") || word === "-") {
			positional.push(word);
			continue;
		}
		const [given, ...rest] = word.replace(/^--?/, "").split("=");
		const name = nameOf(given as string, forms);
		const form = name === null ? null : (forms[name] as OptionForm);
		if (name === null || form === null) throw usage(`${word} is no option here`);
		const inline = rest.length > 0 ? rest.join("=") : null;
		if (!form.takesValue) {
			// `--flag=false` is how Go programs take a flag back.
			if (inline === "false") continue;
			if (inline !== null && inline !== "true") throw usage(`--${name} takes no value`);
			options.set(name, [...(options.get(name) ?? []), ""]);
			continue;
		}
		const value = inline ?? argv[++at];
		if (value === undefined) throw usage(`--${name} wants a value`);
		options.set(name, form.repeats ? [...(options.get(name) ?? []), value] : [value]);
	}
	// One `--` before a program's own words belongs to us.
	if (argv[at] === "--" && positional.length === positionalMax) at++;
	return { options, positional: [...positional, ...argv.slice(at)] };
}

export function optionOf({ options }: Arguments, name: string): string | null {
	return options.get(name)?.at(-1) ?? null;
}

export function isGiven({ options }: Arguments, name: string): boolean {
	return options.has(name);
}

export function usage(reason: string): SwarmError {
	return new SwarmError("usage", `Cannot run swarm oci: ${reason}, see \`swarm oci --help\``);
}

function nameOf(given: string, forms: OptionForms): string | null {
	if (forms[given] !== undefined) return given;
	return Object.keys(forms).find((name) => forms[name]?.alias === given) ?? null;
}
