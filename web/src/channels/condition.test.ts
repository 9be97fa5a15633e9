// What staff are told of a session, and whether it is said loudly.
import { expect, it } from 'vitest'
import type { WhatsappSession } from '@/api/model'
import { AWAY_MS, conditionOf } from './condition'

const NOW = Date.parse('2026-01-01T10:00:00Z')
const ago = (ms: number) => new Date(NOW - ms).toISOString()

function session(part: Partial<WhatsappSession> = {}): WhatsappSession {
  return {
    id: 's',
    inbox_id: 'i',
    name: 'Front desk',
    desired: 'running',
    observed: 'connected',
    reason: null,
    observed_at: ago(1_000),
    next_attempt_at: null,
    phone: '+15550147',
    push_name: null,
    paired_at: ago(100_000),
    connected_at: ago(50_000),
    heard_at: ago(10_000),
    received_at: null,
    paused_until: null,
    pause_reason: null,
    pause_scope: null,
    new_chats_today: 0,
    new_chats_limit: 5,
    health: { state: 'ok', since: ago(50_000), until: null },
    groups: false,
    worker: 'w',
    created_at: ago(200_000),
    ...part,
  }
}

const health = (state: WhatsappSession['health']['state'], ms: number) => ({ health: { state, since: ago(ms), until: null } })

it.each([
  ['all is well', {}, 'connected', 'calm', 'pause'],
  ['connected, but nothing was heard', health('silent', 200_000), 'silent', 'alarm', 'pause'],
  ['connected, but nothing goes out', health('stuck', 200_000), 'stuck', 'alarm', 'pause'],
  ['sending is held back', { ...health('paused', 0), pause_scope: 'all' }, 'held', 'alarm', 'send_again'],
  ['new people are left alone', { ...health('paused', 0), pause_scope: 'new_chats' }, 'sparing', 'resting', 'send_again'],
  ['somebody paused it, its worker has not yet', { desired: 'stopped' }, 'stopping', 'busy', 'resume'],
  ['somebody paused it', { desired: 'stopped', observed: 'stopped' }, 'stopped', 'resting', 'resume'],
  ['it comes back', { ...health('reconnecting', 1_000), observed: 'stopped' }, 'connecting', 'busy', 'pause'],
  ['the network is away', { ...health('reconnecting', 60_000), observed: 'waiting' }, 'waiting', 'busy', 'pause'],
  ['the network is away for long', { ...health('reconnecting', AWAY_MS + 1), observed: 'waiting' }, 'waiting', 'alarm', 'reconnect'],
  ['nobody gets it connected', { ...health('reconnecting', AWAY_MS + 1), observed: 'connecting' }, 'waiting', 'alarm', 'reconnect'],
  ['never linked', { observed: 'new', desired: 'stopped', phone: null }, 'new', 'resting', 'link'],
  ['somebody watches codes', { observed: 'pairing', phone: null }, 'pairing', 'busy', null],
  ['it is being unlinked', { desired: 'unlinked' }, 'unlinking', 'busy', null],
  ['unlinked on the phone', { observed: 'logged_out' }, 'logged_out', 'alarm', 'relink'],
  ['unlinked on the phone while paused', { observed: 'logged_out', desired: 'stopped' }, 'logged_out', 'alarm', 'relink'],
  ['connected elsewhere', { observed: 'replaced' }, 'replaced', 'alarm', 'reconnect'],
  ['blocked', { observed: 'banned' }, 'banned', 'alarm', 'pause'],
  ['a passkey', { observed: 'passkey_needed', phone: null }, 'passkey_needed', 'alarm', 'link'],
  ['too old', { observed: 'outdated' }, 'outdated', 'alarm', 'reconnect'],
  ['too old to be linked', { observed: 'outdated', phone: null }, 'outdated', 'alarm', 'link'],
  ['something else', { observed: 'failed' }, 'failed', 'alarm', 'reconnect'],
] as const)('%s', (_, part, word, tone, deed) => {
  expect(conditionOf(session(part as Partial<WhatsappSession>), NOW)).toEqual({ word, tone, deed })
})
