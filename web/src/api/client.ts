// The REST client: typed by the OpenAPI document, signed with the access token, failing with one kind of error.
import createClient, { type Middleware } from 'openapi-fetch'
import type { Complete, Problem, Upload } from './model'
import type { paths } from './schema'
import { token, tokenAfterRefusal } from './session'

/** What a request failed with: the server's own words where it answered, `offline` where it did not. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    readonly status: number,
    message: string,
    readonly problem: Problem | null = null,
    readonly retryAfterS: number | null = null,
  ) {
    super(message)
    this.name = 'ApiError'
  }

  /** The same request may succeed later without anybody changing anything. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500
  }

  field(name: string): string | undefined {
    return this.problem?.errors?.find((error) => error.field === name)?.message
  }
}

const used = new WeakMap<Request, { token: string | null; again: Request }>()

const signing: Middleware = {
  async onRequest({ request, schemaPath }) {
    if (schemaPath.startsWith('/api/v1/auth/')) {
      request.headers.set('X-Switchboard', '1')
      return request
    }
    const bearer = await token()
    if (bearer) request.headers.set('Authorization', `Bearer ${bearer}`)
    // The body of a request can be read once; the copy is for the one repeat after a 401.
    used.set(request, { token: bearer, again: request.clone() })
    return request
  },
  async onResponse({ request, response, schemaPath }) {
    if (response.status === 401 && !schemaPath.startsWith('/api/v1/auth/')) {
      const first = used.get(request)
      const bearer = first && (await tokenAfterRefusal(first.token))
      if (first && bearer) {
        first.again.headers.set('Authorization', `Bearer ${bearer}`)
        response = await fetch(first.again)
      }
    }
    if (!response.ok) throw await refusal(response)
    return response
  },
  onError({ error }) {
    if (error instanceof ApiError) return error
    return new ApiError('offline', 0, error instanceof Error ? error.message : 'The server did not answer.')
  },
}

async function refusal(response: Response): Promise<ApiError> {
  const after = Number(response.headers.get('Retry-After')) || null
  try {
    const problem = (await response.clone().json()) as Problem
    return new ApiError(problem.code, response.status, problem.detail ?? problem.title, problem, after)
  } catch {
    return new ApiError('unexpected', response.status, `The server answered ${response.status}.`, null, after)
  }
}

export const api = createClient<paths>({ baseUrl: location.origin, fetch: timedFetch })
api.use(signing)

/** Every request has an end: a server that accepts and never answers counts as not there. */
function timedFetch(request: Request): Promise<Response> {
  const end = AbortSignal.timeout(20_000)
  return fetch(new Request(request, { signal: AbortSignal.any([request.signal, end]) }))
}

/** The body of a successful answer. Failures were thrown by the middleware before this is reached. */
export async function body<T>(answer: Promise<{ data?: T; response: Response }>): Promise<Complete<T>> {
  return (await answer).data as Complete<T>
}

/** The bytes of an attachment, which a plain `src` could not ask for: it carries no token. */
export async function bytes(url: string): Promise<Blob> {
  return (await signed(url, {})).blob()
}

/** An answer that goes on for as long as there is something to tell, read piece by piece. */
export async function streamed(url: string, wish: object, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
  const request = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(wish), cache: 'no-store', signal } as const
  const { body } = await signed(url, request)
  if (!body) throw new ApiError('unexpected', 0, 'The server did not answer.')
  return body
}

async function signed(url: string, request: RequestInit & { headers?: Record<string, string> }): Promise<Response> {
  const ask = (bearer: string | null) => fetch(url, { ...request, headers: { ...request.headers, ...(bearer ? { Authorization: `Bearer ${bearer}` } : {}) } })
  const bearer = await token()
  let response = await ask(bearer)
  if (response.status === 401) {
    const fresh = await tokenAfterRefusal(bearer)
    if (fresh) response = await ask(fresh)
  }
  if (!response.ok) throw await refusal(response)
  return response
}

/** Puts a file in and tells how much of it is there: the one request whose progress somebody watches. */
export async function putIn(file: Blob, name: string, progress: (share: number) => void, signal: AbortSignal, more: { voiceMs?: number } = {}): Promise<Upload> {
  const asked = new URLSearchParams({ file_name: name, ...(more.voiceMs === undefined ? {} : { voice: 'true', duration_ms: String(more.voiceMs) }) })
  const send = (bearer: string | null) =>
    new Promise<Response>((resolve, reject) => {
      const request = new XMLHttpRequest()
      request.open('POST', `/api/v1/uploads?${asked}`)
      request.setRequestHeader('Content-Type', 'application/octet-stream')
      if (bearer) request.setRequestHeader('Authorization', `Bearer ${bearer}`)
      request.upload.onprogress = (event) => progress(event.total ? event.loaded / event.total : 0)
      request.onload = () => resolve(new Response(request.responseText || null, { status: request.status }))
      request.onerror = () => reject(new ApiError('offline', 0, 'The server did not answer.'))
      request.onabort = () => reject(new ApiError('offline', 0, 'Taken back.'))
      signal.addEventListener('abort', () => request.abort())
      request.send(file)
    })
  const bearer = await token()
  let response = await send(bearer)
  if (response.status === 401) {
    const fresh = await tokenAfterRefusal(bearer)
    if (fresh) response = await send(fresh)
  }
  if (!response.ok) throw await refusal(response)
  return (await response.json()) as Upload
}
