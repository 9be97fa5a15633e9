// Voice notes that are being spoken: one for each conversation, there until it is sent or thrown away, also while another
// conversation is open. Only one is recorded at a time, and only while its conversation is looked at.
import { create } from 'zustand'
import { ApiError, putIn } from '@/api/client'
import { send } from './outbox'
import type { Recorder } from './recorder'
import { type Clock, elapsed, halted, LIMIT_MS, started, stopped } from './voice-clock'

/** What was recorded. */
export interface Take {
  sound: Blob
  ms: number
  /** Ten a second, 0 to 1. */
  levels: number[]
}

export type Trouble = 'denied' | 'missing' | 'taken' | 'lost' | 'broken' | ApiError

export interface Voice {
  /** `asking` for the microphone; `refused`: there is nothing to record with; `ready` to be listened to and sent. */
  stage: 'asking' | 'refused' | 'recording' | 'paused' | 'finishing' | 'ready' | 'sending'
  clock: Clock
  take: Take | null
  /** Of a recording on its way, how much is there. */
  share: number
  trouble: Trouble | null
}

export const useVoice = create<Record<string, Voice>>(() => ({}))

const begun: Voice = { stage: 'asking', clock: stopped, take: null, share: 0, trouble: null }

/** What is recorded just now, and all that belongs to it. */
let running: { conversation: string; recorder: Recorder | null; levels: number[]; end: ReturnType<typeof setTimeout> | undefined } | null = null
const meters = new Set<(level: number) => void>()

export function onVoiceLevel(meter: (level: number) => void): () => void {
  meters.add(meter)
  return () => meters.delete(meter)
}

/** What was recorded up to now, for who draws it anew. */
export const levelsUpToNow = (): readonly number[] => running?.levels ?? []

const of = (conversation: string): Voice | undefined => useVoice.getState()[conversation]

function change(conversation: string, part: Partial<Voice>) {
  const now = of(conversation)
  if (now) useVoice.setState({ [conversation]: { ...now, ...part } })
}

function forget(conversation: string) {
  useVoice.setState(Object.fromEntries(Object.entries(useVoice.getState()).filter(([id]) => id !== conversation)), true)
}

/** Whether this browser can make what WhatsApp takes. Only on a page with a secure address. */
export const canRecord: Promise<boolean> = able()

async function able(): Promise<boolean> {
  try {
    if (typeof AudioEncoder === 'undefined' || !navigator.mediaDevices) return false
    const { supported } = await AudioEncoder.isConfigSupported({ codec: 'opus', sampleRate: 48_000, numberOfChannels: 1, bitrate: 32_000 })
    return supported === true
  } catch {
    return false
  }
}

/** Asks for the microphone, and records. From a click or a key. */
export async function begin(conversation: string) {
  const now = of(conversation)
  if (now && now.stage !== 'refused') return
  if (running) await stop(running.conversation)
  useVoice.setState({ [conversation]: begun })
  const mine = { conversation, recorder: null as Recorder | null, levels: [] as number[], end: undefined }
  running = mine
  let microphone: MediaStream | null = null
  try {
    const [heard, { record }] = await Promise.all([
      navigator.mediaDevices
        .getUserMedia({ audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true } })
        .then((stream) => (microphone = stream)),
      import('./recorder'),
    ])
    if (running === mine) {
      mine.recorder = await record(heard, {
        level: (level) => {
          if (running !== mine) return
          mine.levels.push(level)
          for (const show of meters) show(level)
        },
        ended: () => running === mine && void stop(conversation, 'lost'),
      })
    }
    // Thrown away meanwhile, or its conversation left.
    if (running !== mine) return mine.recorder ? mine.recorder.drop() : letGo(heard)
    change(conversation, { stage: 'recording', clock: started(stopped, Date.now()) })
    limit()
  } catch (error) {
    letGo(microphone)
    if (running !== mine) return
    running = null
    change(conversation, { stage: 'refused', trouble: troubleOf(error) })
  }
}

function letGo(microphone: MediaStream | null) {
  for (const track of microphone?.getTracks() ?? []) track.stop()
}

function troubleOf(error: unknown): Trouble {
  const name = error instanceof DOMException ? error.name : ''
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'denied'
  if (name === 'NotFoundError' || name === 'OverconstrainedError') return 'missing'
  return name === 'NotReadableError' || name === 'AbortError' ? 'taken' : 'broken'
}

/** At the end of its time it stops by itself, and waits to be sent. */
function limit() {
  const mine = running
  const clock = mine && of(mine.conversation)?.clock
  if (!mine || !clock) return
  clearTimeout(mine.end)
  if (clock.since !== null) mine.end = setTimeout(() => void stop(mine.conversation), LIMIT_MS - elapsed(clock, Date.now()))
}

export function pause(conversation: string) {
  const now = of(conversation)
  if (now?.stage !== 'recording' || running?.conversation !== conversation) return
  running.recorder?.pause()
  change(conversation, { stage: 'paused', clock: halted(now.clock, Date.now()) })
  limit()
}

export function resume(conversation: string) {
  const now = of(conversation)
  if (now?.stage !== 'paused' || running?.conversation !== conversation) return
  running.recorder?.resume()
  change(conversation, { stage: 'recording', clock: started(now.clock, Date.now()) })
  limit()
}

/** Ends the recording; it is there to be listened to. */
export async function stop(conversation: string, trouble: Trouble | null = null) {
  const now = of(conversation)
  if (running?.conversation !== conversation || !now) return
  const { recorder, levels, end } = running
  clearTimeout(end)
  running = null
  if (!recorder) return forget(conversation)
  const clock = halted(now.clock, Date.now())
  change(conversation, { stage: 'finishing', clock })
  try {
    const sound = await recorder.finish()
    if (sound.size === 0) throw new Error('nothing was recorded')
    change(conversation, { stage: 'ready', take: { sound, ms: Math.round(Math.min(LIMIT_MS, clock.before)), levels }, trouble })
  } catch {
    change(conversation, { stage: 'refused', trouble: trouble ?? 'broken' })
  }
}

/** Throws it away, whatever it is at. */
export function discard(conversation: string) {
  if (running?.conversation === conversation) {
    clearTimeout(running.end)
    running.recorder?.drop()
    running = null
  }
  uploads.get(conversation)?.abort()
  forget(conversation)
}

/** Stops one that is on its way; it is there again. */
export function hold(conversation: string) {
  uploads.get(conversation)?.abort()
}

const uploads = new Map<string, AbortController>()
/** What went out a moment ago, by the file that it became: to have it again when it is taken back. */
const gone = new Map<string, Take>()
const GONE_MAX = 8

/** Sends it, after ending it where it is still recorded. What could not be put in stays, for another try. */
export async function sendVoice(conversation: string, answersId?: string): Promise<boolean> {
  await stop(conversation)
  const take = of(conversation)?.take
  if (of(conversation)?.stage !== 'ready' || !take) return false
  const way = new AbortController()
  uploads.set(conversation, way)
  change(conversation, { stage: 'sending', share: 0, trouble: null })
  try {
    const upload = await putIn(take.sound, 'voice.ogg', (share) => change(conversation, { share }), way.signal, { voiceMs: take.ms })
    if (way.signal.aborted) throw new Error('held back')
    gone.set(upload.id, take)
    if (gone.size > GONE_MAX) gone.delete(gone.keys().next().value ?? '')
    send(conversation, '', 'reply', { file: { id: upload.id, name: '', voiceMs: take.ms }, answers_id: answersId })
    forget(conversation)
    return true
  } catch (error) {
    const trouble = error instanceof ApiError ? error : 'broken'
    change(conversation, { stage: 'ready', trouble: way.signal.aborted ? null : trouble })
    return false
  } finally {
    uploads.delete(conversation)
  }
}

/** A voice note that was taken back is there again, as long as nothing else is spoken here. */
export function takeBack(conversation: string, uploadId: string) {
  const take = gone.get(uploadId)
  if (take && !of(conversation)) useVoice.setState({ [conversation]: { ...begun, stage: 'ready', take, clock: { before: take.ms, since: null } } })
}

const watchers = new Map<string, number>()

/** For as long as it is on the screen; nobody is recorded behind a page that shows something else. */
export function watch(conversation: string): () => void {
  watchers.set(conversation, (watchers.get(conversation) ?? 0) + 1)
  return () => {
    watchers.set(conversation, (watchers.get(conversation) ?? 1) - 1)
    // A page that is drawn anew looks at it again at once.
    setTimeout(() => {
      if (watchers.get(conversation)) return
      watchers.delete(conversation)
      if (of(conversation)?.stage === 'refused') forget(conversation)
      else void stop(conversation)
    })
  }
}

// Closing the page would lose it: the browser asks first.
window.addEventListener('beforeunload', (event) => {
  if (Object.values(useVoice.getState()).some((voice) => voice.stage !== 'asking' && voice.stage !== 'refused')) event.preventDefault()
})
