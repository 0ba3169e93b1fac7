// Sizes, durations, ports and constraints as people type them. Each function returns null for what it cannot read:
// the caller knows the field and says what is wanted. Must never guess.

import type { Constraint, HugepageLimit, IoLimit, PublishedPort } from "../../model.js";
import { LABEL_VALUE_CHARACTERS_MAX, LABELS_MAX } from "./limits.js";

const KIB = 1024;
const sizeUnits: Readonly<Record<string, number>> = {
	"": 1,
	K: KIB,
	M: KIB ** 2,
	G: KIB ** 3,
	T: KIB ** 4,
};

const SECOND_MS = 1000;
const durationUnits: Readonly<Record<string, number>> = {
	ms: 1,
	s: SECOND_MS,
	m: 60 * SECOND_MS,
	h: 3600 * SECOND_MS,
	d: 24 * 3600 * SECOND_MS,
};

/** What LABEL_PATTERN allows, in words. */
export const LABEL_WANTED = "1 to 63 characters of letters, digits, '.', '_', '/' and '-', starting with a letter";
export const LABEL_PATTERN = /^[A-Za-z][A-Za-z0-9._/-]{0,62}$/;
/** For readers of labels. */
export const labelRule = {
	key: LABEL_PATTERN,
	keyWanted: LABEL_WANTED,
	most: LABELS_MAX,
	valueMax: LABEL_VALUE_CHARACTERS_MAX,
};

/** Bytes of `1048576`, `512K`, `256M`, `1.5G` (powers of 1024, as docker and systemd count; `Mi`, `MiB`, `MB` are the same). */
export function parseSize(text: string): number | null {
	const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B?)$/i.exec(text.trim());
	if (!match) return null;
	const unit = sizeUnits[(match[2] ?? "").toUpperCase()];
	if (unit === undefined) return null;
	const bytes = Math.round(Number(match[1]) * unit);
	return Number.isSafeInteger(bytes) ? bytes : null;
}

/** What a field holds as text to be parsed; nothing that parses for what is neither text nor number. */
export function quantityOf(given: unknown): string {
	return typeof given === "string" || typeof given === "number" ? String(given) : "";
}

/** Milliseconds of `500ms`, `10s`, `1.5m`, `1h`, `7d`; a bare number is seconds. */
export function parseDuration(text: string): number | null {
	const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?$/.exec(text.trim());
	if (!match) return null;
	const unit = durationUnits[match[2] ?? "s"];
	if (unit === undefined) return null;
	const ms = Math.round(Number(match[1]) * unit);
	return Number.isSafeInteger(ms) ? ms : null;
}

/** `8080:80`, `53:53/udp`; `80` publishes the port under its own number. */
export function parsePort(text: string): PublishedPort | null {
	const match = /^(\d{1,5})(?::(\d{1,5}))?(?:\/(tcp|udp))?$/.exec(text.trim());
	if (!match) return null;
	const host = Number(match[1]);
	const container = match[2] === undefined ? host : Number(match[2]);
	if (!isPort(host) || !isPort(container)) return null;
	return { host, container, protocol: match[3] === "udp" ? "udp" : "tcp" };
}

export function isPort(value: unknown): value is number {
	return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= 65535;
}

/** `label=value`, `label!=value`, `label`. */
export function parseConstraint(text: string): Constraint | null {
	const match = /^([^=!\s]+)(?:(!?=)(.*))?$/.exec(text.trim());
	const label = match?.[1];
	if (!match || label === undefined || !LABEL_PATTERN.test(label)) return null;
	if (match[2] === undefined) return { label, operator: "exists", value: null };
	return { label, operator: match[2] === "=" ? "=" : "!=", value: (match[3] ?? "").trim() };
}

/** `/dev/vda,read=10M,write=5M,read-ops=100,write-ops=50`: bytes and operations a second, one rate at least. */
export function parseIoLimit(text: string): IoLimit | null {
	const [device = "", ...parts] = text.trim().split(",");
	const rates = new Map<string, number>();
	for (const part of parts) {
		const [key = "", value = ""] = part.split("=");
		const rate = parseSize(value);
		if (!ioRates.includes(key) || rates.has(key) || rate === null || rate < 1) return null;
		rates.set(key, rate);
	}
	if (rates.size === 0 || !/^(\/[^\0]*|\d+:\d+)$/.test(device)) return null;
	return {
		device,
		readBytesPerSecond: rates.get("read") ?? null,
		writeBytesPerSecond: rates.get("write") ?? null,
		readOperationsPerSecond: rates.get("read-ops") ?? null,
		writeOperationsPerSecond: rates.get("write-ops") ?? null,
	};
}

const ioRates = ["read", "write", "read-ops", "write-ops"];

/** `2MB=64M`: the kernel's name of the page size, and how much of it. */
export function parseHugepages(text: string): HugepageLimit | null {
	const [pageSize = "", size = ""] = text.trim().split("=");
	const bytes = parseSize(size);
	return bytes === null ? null : { pageSize, bytes };
}
