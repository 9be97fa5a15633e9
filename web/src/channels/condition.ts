// What a session's row means for people: one word, how loudly to say it, and what can be done.
import type { WhatsappSession } from '@/api/model'

/** `alarm` needs somebody, `busy` passes by itself, `calm` is as it should be, `resting` as somebody wanted it. */
export type Tone = 'calm' | 'busy' | 'resting' | 'alarm'

export type Word =
  | 'new'
  | 'pairing'
  | 'connecting'
  | 'connected'
  | 'silent'
  | 'stuck'
  | 'held'
  | 'sparing'
  | 'waiting'
  | 'stopping'
  | 'stopped'
  | 'unlinking'
  | 'replaced'
  | 'logged_out'
  | 'banned'
  | 'passkey_needed'
  | 'outdated'
  | 'failed'

export type Deed = 'link' | 'relink' | 'pause' | 'resume' | 'reconnect' | 'send_again'

export interface Condition {
  word: Word
  tone: Tone
  /** The one thing to do, if there is one. */
  deed: Deed | null
}

/** A connection that comes back within this time is nobody's business. */
export const AWAY_MS = 5 * 60_000

export function conditionOf(session: WhatsappSession, now: number): Condition {
  const say = (word: Word, tone: Tone, deed: Deed | null = null): Condition => ({ word, tone, deed })
  if (session.desired === 'unlinked') return say('unlinking', 'busy')
  if (session.observed === 'passkey_needed') return say('passkey_needed', 'alarm', 'link')
  if (session.observed === 'pairing') return say('pairing', 'busy')
  if (!session.phone) return session.observed === 'outdated' || session.observed === 'failed' ? say(session.observed, 'alarm', 'link') : say('new', 'resting', 'link')
  if (session.observed === 'logged_out') return say('logged_out', 'alarm', 'relink')
  if (session.desired === 'stopped') return session.observed === 'connected' ? say('stopping', 'busy', 'resume') : say('stopped', 'resting', 'resume')
  switch (session.observed) {
    case 'replaced':
    case 'outdated':
    case 'failed':
      return say(session.observed, 'alarm', 'reconnect')
    case 'banned':
      return say('banned', 'alarm', 'pause')
  }
  // What is left is the server's to say: it looks at more than what the worker last said of itself.
  switch (session.health.state) {
    case 'silent':
      return say('silent', 'alarm', 'pause')
    case 'stuck':
      return say('stuck', 'alarm', 'pause')
    case 'paused':
      return session.pause_scope === 'all' ? say('held', 'alarm', 'send_again') : say('sparing', 'resting', 'send_again')
    case 'reconnecting': {
      const isLong = now - Date.parse(session.health.since ?? session.observed_at) > AWAY_MS
      // The next try of a long series is up to a quarter of an hour away: a person may not want to wait for it.
      if (isLong) return say('waiting', 'alarm', 'reconnect')
      return say(session.observed === 'waiting' ? 'waiting' : 'connecting', 'busy', 'pause')
    }
    default:
      return session.observed === 'connected' ? say('connected', 'calm', 'pause') : say('connecting', 'busy', 'pause')
  }
}
