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
  | 'held'
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

/** A connection is heard from every half minute; this long without a word, it lies about being one. */
export const SILENT_MS = 3 * 60_000

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
    case 'waiting':
      return say('waiting', 'busy', 'pause')
    case 'connected': {
      const heard = Date.parse(session.heard_at ?? session.connected_at ?? session.observed_at)
      if (now - heard > SILENT_MS) return say('silent', 'alarm', 'pause')
      if (session.paused_until && Date.parse(session.paused_until) > now) return say('held', 'alarm', 'send_again')
      return say('connected', 'calm', 'pause')
    }
    default:
      return say('connecting', 'busy', 'pause')
  }
}
