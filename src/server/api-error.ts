/** Errors in the shape that OpenAI's clients read. */

/** The kinds of OpenAI's errors that a client may act on. */
export type ApiErrorType = 'invalid_request_error' | 'authentication_error' | 'rate_limit_error' | 'server_error';

/** An error as a client gets it: a status, and one line of what is wrong and what to do. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string | null;
  readonly param: string | null;
  /** Seconds after which to try again. */
  readonly retryAfter: number | undefined;

  constructor(
    status: number,
    message: string,
    {
      code = null,
      param = null,
      retryAfter,
    }: { readonly code?: string | null; readonly param?: string | null; readonly retryAfter?: number } = {},
  ) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.param = param;
    this.retryAfter = retryAfter;
  }

  get type(): ApiErrorType {
    if (this.status === 401) return 'authentication_error';
    if (this.status === 429) return 'rate_limit_error';
    return this.status >= 500 ? 'server_error' : 'invalid_request_error';
  }

  /** `{ error: { message, type, param, code } }` */
  get body(): ErrorBody {
    const { message, type, param, code } = this;
    return { error: { message, type, param, code } };
  }
}

/** How an error travels. */
export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: ApiErrorType;
    readonly param: string | null;
    readonly code: string | null;
  };
}

/** The request does not fit: `400`, with the parameter that is wrong. */
export function badRequest(message: string, param: string | null = null, code: string | null = null): ApiError {
  return new ApiError(400, message, { param, code });
}

/** Whatever was thrown, as a client gets it: what is no client's fault says no more than its line. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new ApiError(500, message.replaceAll(/\s*\n\s*/g, ' '), { code: 'internal_error' });
}
