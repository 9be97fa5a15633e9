// One clock for everything on the screen that ticks.
import { useSyncExternalStore } from 'react'

const listeners = new Map<number, Set<() => void>>()

/** The time in ms, renewed every `everyMs` on the same beat for all who ask. */
export function useNow(everyMs: number): number {
  return useSyncExternalStore(
    (listener) => subscribe(everyMs, listener),
    () => Math.floor(Date.now() / everyMs) * everyMs,
  )
}

const timers = new Map<number, ReturnType<typeof setInterval>>()

function subscribe(everyMs: number, listener: () => void): () => void {
  const here = listeners.get(everyMs) ?? new Set()
  listeners.set(everyMs, here.add(listener))
  if (!timers.has(everyMs)) {
    timers.set(
      everyMs,
      setInterval(() => {
        for (const tell of listeners.get(everyMs) ?? []) tell()
      }, everyMs),
    )
  }
  return () => {
    here.delete(listener)
    if (here.size > 0) return
    clearInterval(timers.get(everyMs))
    timers.delete(everyMs)
  }
}
