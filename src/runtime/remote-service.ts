/** A session service somewhere else: its calls and results as messages. */
import type { HostArray } from '../core/index.ts';
import type { SessionService } from './session-service.ts';

/** A call as it travels: the method's name and its arguments. */
export interface Request {
  readonly id: number;
  readonly method: keyof SessionService;
  readonly args: readonly unknown[];
}

/** What comes back for a call. */
export type Response =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string };

/** The way to where the service is. */
export interface Connection {
  send(request: Request): void;
  /** Whether the other side keeps this process alive. */
  hold(busy: boolean): void;
}

/** Events of a connection. */
export interface ConnectionEvents {
  readonly received: (response: Response) => void;
  /** The other side is gone; what waits for it fails with this. */
  readonly lost: (error: Error) => void;
}

/** The service at the other end of a connection, which is made with the first call. */
export function remoteService(connect: (events: ConnectionEvents) => Connection): SessionService {
  let connection: Connection | undefined;
  let failure: Error | undefined;
  let nextId = 0;
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  const events: ConnectionEvents = {
    received(response) {
      const call = waiting.get(response.id)!;
      waiting.delete(response.id);
      if (waiting.size === 0) connection!.hold(false); // An idle engine keeps no process alive.
      if ('error' in response) call.reject(new Error(response.error));
      else call.resolve(response.value as never); // What comes of which method, the other end's compiler has checked.
    },
    lost(error) {
      failure ??= error;
      for (const { reject } of waiting.values()) reject(failure);
      waiting.clear();
    },
  };
  const call =
    (method: keyof SessionService) =>
    (...args: readonly unknown[]) =>
      new Promise<never>((resolve, reject) => {
        if (failure) return reject(failure);
        const id = nextId++;
        waiting.set(id, { resolve, reject });
        connection ??= connect(events);
        connection.hold(true);
        connection.send({ id, method, args });
      });
  const service: SessionService = {
    facts: call('facts'),
    blockSize: call('blockSize'),
    load: call('load'),
    unload: call('unload'),
    createStore: call('createStore'),
    read: call('read'),
    write: call('write'),
    releaseStore: call('releaseStore'),
    run: call('run'),
    engineMs: call('engineMs'),
    close: call('close'),
  };
  // What has ended, or never began, has nothing to close; its own error must not hide behind another.
  return { ...service, close: () => (failure || !connection ? Promise.resolve() : service.close()) };
}

/** Answers a call with a service that is here. */
export async function answer(service: SessionService, { id, method, args }: Request): Promise<Response> {
  try {
    // The caller's compiler has checked that they are this method's arguments.
    return { id, value: await (service[method] as (...args: readonly unknown[]) => Promise<unknown>)(...args) };
  } catch (error) {
    return { id, error: error instanceof Error ? error.message : String(error) };
  }
}

/** The memory of result arrays, which are copies of ours and so can be handed over instead of copied again. */
export function buffersOf(response: Response): ArrayBuffer[] {
  const value = 'value' in response ? response.value : undefined;
  const results =
    value instanceof Map
      ? [...value.values()]
      : typeof value === 'object' && value !== null
        ? Object.values(value)
        : [];
  return results.flatMap((result: unknown) => (isHostArray(result) ? [result.data.buffer as ArrayBuffer] : []));
}

function isHostArray(value: unknown): value is HostArray {
  return typeof value === 'object' && value !== null && 'data' in value;
}
