// What staff are told of a session, and whether it is said loudly.
import { expect, it } from 'vitest'
import type { WhatsappSession } from '@/api/model'
import { conditionOf, SILENT_MS } from './condition'

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
    new_chats_today: 0,
    groups: false,
    worker: 'w',
    created_at: ago(200_000),
    ...part,
  }
}

it.each([
  ['all is well', {}, 'connected', 'calm', 'pause'],
  ['connected, but nothing was heard', { heard_at: ago(SILENT_MS + 1) }, 'silent', 'alarm', 'pause'],
  ['sending is held back', { paused_until: ago(-60_000) }, 'held', 'alarm', 'send_again'],
  ['it was held back', { paused_until: ago(60_000) }, 'connected', 'calm', 'pause'],
  ['somebody paused it, its worker has not yet', { desired: 'stopped' }, 'stopping', 'busy', 'resume'],
  ['somebody paused it', { desired: 'stopped', observed: 'stopped' }, 'stopped', 'resting', 'resume'],
  ['it comes back', { observed: 'stopped' }, 'connecting', 'busy', 'pause'],
  ['the network is away', { observed: 'waiting' }, 'waiting', 'busy', 'pause'],
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
