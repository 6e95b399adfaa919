import { createHash, type Hash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Node, Program, Tensor } from '../core/index.ts';
import { keepBounded, markUsed } from '../files/bounded-folder.ts';
import { replaceWhole } from '../files/durable-files.ts';
import { nodeScopes, toOnnx, type OnnxProgram } from '../onnx/index.ts';
import type { Lower, LoweringTarget } from './session-executor.ts';

/** Where compiled programs are kept, and which. */
export interface ProgramCacheOptions {
  readonly dir: string;
  /** Programs of fewer nodes are lowered anew each time, which takes them less than a tenth of a second. */
  readonly leastNodes?: number;
  /** The files of a folder take this much at most; the oldest go first. */
  readonly mostBytes?: number;
}

const defaults = { leastNodes: 1000, mostBytes: 256e6 } as const;

/** Constants beyond this make a program as long to hash and to read as to lower. */
const mostConstantBytes = 1e6;

/**
 * Lowers programs to ONNX, and keeps what came out on disk for the next start.
 *
 * An entry's name is a hash of all that decides the bytes: the program (ops, attributes, constants, names), how it is
 * lowered, and the compiler's own files, so that another version of them never meets what this one left. An entry
 * that cannot be read, or is not what its checksum says, is made again; a folder that cannot be written is no error.
 */
export function cachedLowering({
  dir,
  leastNodes = defaults.leastNodes,
  mostBytes = defaults.mostBytes,
}: ProgramCacheOptions): Lower {
  let compiler: Promise<string> | undefined;
  return async (program, target) => {
    const { optimize: _, name: __, ...options } = target;
    if (program.nodes.length < leastNodes || constantBytes(program) > mostConstantBytes)
      return toOnnx(program, options);
    const path = join(dir, `${digest(program, target, await (compiler ??= compilerDigest()))}.onnx-program`);
    const kept = await readEntry(path);
    if (kept) {
      await markUsed(path);
      return kept;
    }
    const lowered = toOnnx(program, options);
    await writeEntry(dir, path, lowered, mostBytes).catch(() => {});
    return lowered;
  };
}

function constantBytes({ nodes }: Program): number {
  return nodes.reduce(
    (sum, { op, attrs }) => sum + (op.source === 'constant' ? (attrs as { data: Float32Array }).data.byteLength : 0),
    0,
  );
}

/** All that decides what a program is lowered to. */
function digest(program: Program, { name, narrowIntegers = false }: LoweringTarget, compiler: string): string {
  const hash = createHash('sha256').update(JSON.stringify([compiler, name, narrowIntegers]));
  const scopes = nodeScopes(program);
  const places = new Map(program.nodes.map((node, i): [Node, number] => [node, i]));
  const place = ({ node, output }: Tensor): number[] => [places.get(node)!, output];
  for (const node of program.nodes) {
    hash.update(
      JSON.stringify([
        node.op.name,
        scopes.get(node),
        node.inputs.map(place),
        node.outputs.map(({ dtype, shape }) => [dtype, shape]),
      ]),
    );
    updateWith(hash, node.attrs);
  }
  for (const results of [program.outputs, program.writes])
    hash.update(JSON.stringify(Object.entries(results).map(([key, x]) => [key, place(x)])));
  return hash.digest('hex');
}

/** Attributes are plain data: numbers, text, lists, and the arrays of constants. */
function updateWith(hash: Hash, value: unknown): void {
  if (ArrayBuffer.isView(value))
    hash
      .update(`${value.constructor.name} ${value.byteLength}`)
      .update(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  else if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value);
    hash.update(`{${entries.length}`);
    for (const [key, inner] of entries) {
      hash.update(JSON.stringify(key));
      updateWith(hash, inner);
    }
  } else hash.update(`${typeof value} ${Object.is(value, -0) ? '-0' : String(value)};`);
}

/** A hash of the files that lowering is written in: ops, graphs, and their ONNX. */
async function compilerDigest(): Promise<string> {
  const hash = createHash('sha256');
  for (const folder of ['../core', '../onnx']) {
    const root = fileURLToPath(new URL(folder, import.meta.url));
    const files = (await readdir(root, { recursive: true }))
      .filter((file) => /\.[jt]s$/.test(file) && !/\.(test|d)\.ts$/.test(file))
      .sort();
    for (const file of files) hash.update(file).update(await readFile(join(root, file)));
  }
  return hash.digest('hex');
}

/** A file is the SHA-256 of the rest, the length of a header in JSON (4 bytes, little-endian), the header, the model. */
const checksumBytes = 32;

async function readEntry(path: string): Promise<OnnxProgram | undefined> {
  try {
    const file = await readFile(path);
    const rest = file.subarray(checksumBytes);
    if (!createHash('sha256').update(rest).digest().equals(file.subarray(0, checksumBytes))) return undefined;
    const length = rest.readUInt32LE(0);
    // A copy: the buffer that a file is read into may be part of a larger one, and the model travels to a worker.
    return {
      ...(JSON.parse(rest.subarray(4, 4 + length).toString()) as Omit<OnnxProgram, 'bytes'>),
      bytes: Uint8Array.from(rest.subarray(4 + length)),
    };
  } catch {
    return undefined;
  }
}

async function writeEntry(
  dir: string,
  path: string,
  { bytes, ...about }: OnnxProgram,
  mostBytes: number,
): Promise<void> {
  await mkdir(dir, { recursive: true });
  const header = Buffer.from(JSON.stringify(about));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length);
  const rest = Buffer.concat([length, header, bytes]);
  const entry = Buffer.concat([createHash('sha256').update(rest).digest(), rest]);
  // Another process never reads half of it.
  await replaceWhole(path, (aside) => writeFile(aside, entry));
  await keepBounded(dir, mostBytes);
}
