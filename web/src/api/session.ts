// Who is signed in. The access token lives in memory only; a cookie the page cannot read renews it.
import { create } from 'zustand'
import type { Me, Session } from './model'

interface SessionState {
  /** `checking` until the first renewal answered: the page knows neither yet. */
  phase: 'checking' | 'in' | 'out' | 'unreachable'
  me: Me | null
}

export const useSession = create<SessionState>(() => ({ phase: 'checking', me: null }))

let access: { token: string; renewAt: number } | null = null
let renewing: Promise<Renewal> | null = null
let timer: ReturnType<typeof setTimeout> | undefined
const renewed = new Set<() => void>()
const channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel('switchboard.session')

type Renewal = 'in' | 'out' | 'unreachable'

/** Called after each renewal of the access token; the live socket renews itself with it. */
export function onRenewed(listener: () => void): () => void {
  renewed.add(listener)
  return () => renewed.delete(listener)
}

export function accept(session: Session) {
  const lifetime = session.expires_in_s * 1000
  // Renewed at four fifths of its life, so that no request meets the end of it.
  access = { token: session.access_token, renewAt: Date.now() + lifetime * 0.8 }
  clearTimeout(timer)
  timer = setTimeout(() => void renew(), Math.min(lifetime * 0.8, 0x7fffffff))
  useSession.setState({ phase: 'in', me: session.staff })
}

export function setMe(me: Me) {
  useSession.setState({ me })
}

/** Forgets the session in this tab; `everywhere` tells the other tabs too. */
export function forget(everywhere = false) {
  access = null
  clearTimeout(timer)
  useSession.setState({ phase: 'out', me: null })
  if (everywhere) channel?.postMessage('signed-out')
}

channel?.addEventListener('message', (event) => {
  if (event.data === 'signed-out') forget()
  if (event.data === 'signed-in' && useSession.getState().phase !== 'in') void renew()
})

/** Other tabs that wait at the sign-in page may go on. */
export function announce() {
  channel?.postMessage('signed-in')
}

/** One renewal at a time in this tab, and (where the browser has locks) over all tabs. */
export function renew(): Promise<Renewal> {
  renewing ??= locked(requestRenewal).finally(() => {
    renewing = null
  })
  return renewing
}

function locked<T>(work: () => Promise<T>): Promise<T> {
  return 'locks' in navigator ? (navigator.locks.request('switchboard.refresh', work) as Promise<T>) : work()
}

async function requestRenewal(): Promise<Renewal> {
  let response: Response
  try {
    response = await fetch('/api/v1/auth/refresh', {
      method: 'POST',
      headers: { 'X-Switchboard': '1' },
      signal: AbortSignal.timeout(15_000),
    })
  } catch {
    return unreachable()
  }
  if (response.ok) {
    accept((await response.json()) as Session)
    for (const listener of renewed) listener()
    return 'in'
  }
  if (response.status === 401 || response.status === 403) {
    forget()
    return 'out'
  }
  return unreachable()
}

/** No answer is no reason to sign anybody out: what is on the screen stays, the next request tries again. */
function unreachable(): Renewal {
  if (useSession.getState().phase === 'checking') useSession.setState({ phase: 'unreachable' })
  clearTimeout(timer)
  timer = setTimeout(() => void renew(), 3_000 + Math.random() * 4_000)
  return 'unreachable'
}

/** A token good for the next request, or null when nobody is signed in. */
export async function token(): Promise<string | null> {
  if (access && Date.now() < access.renewAt) return access.token
  await renew()
  return access?.token ?? null
}

/** After a 401: the token that was used is bad, whatever its clock says. */
export async function tokenAfterRefusal(used: string | null): Promise<string | null> {
  if (access && access.token !== used) return access.token
  if (access) access.renewAt = 0
  await renew()
  return access && access.token !== used ? access.token : null
}

export async function signOut() {
  try {
    await fetch('/api/v1/auth/logout', { method: 'POST', headers: { 'X-Switchboard': '1' } })
  } finally {
    forget(true)
  }
}
