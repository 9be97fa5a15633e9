// Times, spans and sizes in the reader's language.
import { locale, t } from './index'

const made = new Map<string, Intl.DateTimeFormat>()

function dates(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = locale() + JSON.stringify(options)
  let format = made.get(key)
  if (!format) {
    format = new Intl.DateTimeFormat(locale(), options)
    made.set(key, format)
  }
  return format
}

export function clock(at: string | number): string {
  return dates({ hour: 'numeric', minute: '2-digit' }).format(new Date(at))
}

export function full(at: string | number): string {
  return dates({ dateStyle: 'full', timeStyle: 'short' }).format(new Date(at))
}

export function date(at: string | number): string {
  return dates({ dateStyle: 'medium' }).format(new Date(at))
}

/** Midnight of a day, to tell days apart. */
export function dayOf(at: string | number): number {
  return new Date(at).setHours(0, 0, 0, 0)
}

/** "Today", "Yesterday", "Tuesday", or the date. */
export function day(at: string | number, now: number): string {
  const days = Math.round((dayOf(now) - dayOf(at)) / 86_400_000)
  if (days === 0) return t('time.today')
  if (days === 1) return t('time.yesterday')
  if (days > 1 && days < 7) return dates({ weekday: 'long' }).format(new Date(at))
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear()
  return dates(sameYear ? { day: 'numeric', month: 'long' } : { dateStyle: 'long' }).format(new Date(at))
}

/** As short as a list has room for: the time today, the weekday this week, then the date. */
export function brief(at: string, now: number): string {
  const days = Math.round((dayOf(now) - dayOf(at)) / 86_400_000)
  if (days <= 0) return clock(at)
  if (days < 7) return dates({ weekday: 'short' }).format(new Date(at))
  return dates({ day: 'numeric', month: 'short' }).format(new Date(at))
}

/** The time alone only of today: "until 5:28" must not be tomorrow's. */
export function dateAndTime(at: string, now: number): string {
  if (dayOf(now) === dayOf(at)) return clock(at)
  return dates({ day: 'numeric', month: 'short', hour: 'numeric', minute: '2-digit' }).format(new Date(at))
}

function unit(value: number, name: 'second' | 'minute' | 'hour' | 'day'): string {
  return new Intl.NumberFormat(locale(), { style: 'unit', unit: name, unitDisplay: 'short' }).format(value)
}

/** How long somebody has been waiting: one unit is enough. */
export function span(ms: number): string {
  const minutes = Math.floor(Math.max(0, ms) / 60_000)
  if (minutes < 60) return unit(minutes, 'minute')
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? unit(hours, 'hour') : unit(Math.floor(hours / 24), 'day')
}

/** A running clock: 3:07, 1:02:09. Never mirrored, so the caller wraps it in <bdi dir="ltr">. */
export function stopwatch(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  const two = (value: number) => String(value).padStart(2, '0')
  const minutes = Math.floor(seconds / 60)
  return minutes < 60 ? `${minutes}:${two(seconds % 60)}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`
}

/** 3 min 7 s. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return unit(seconds, 'second')
  const minutes = unit(Math.floor(seconds / 60), 'minute')
  return seconds % 60 === 0 ? minutes : `${minutes} ${unit(seconds % 60, 'second')}`
}

/** 640 ms, 1.2 s: in Latin letters everywhere, so it is isolated from the words around it. */
export function latency(ms: number): string {
  const text = ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
  return `\u2066${text}\u2069`
}

export function number(value: number): string {
  return new Intl.NumberFormat(locale()).format(value)
}

/** A file's size: "12 kB", "3.4 MB". */
export function fileSize(size: number): string {
  const [value, name] = size < 1_000_000 ? [Math.max(1, size / 1000), 'kilobyte'] : [size / 1_000_000, 'megabyte']
  return new Intl.NumberFormat(locale(), { style: 'unit', unit: name, unitDisplay: 'short', maximumFractionDigits: value < 10 ? 1 : 0 }).format(value)
}
