// A call from the browser: microphone and ear on one worklet, the media stream on one socket. Knows no page and no account:
// who wants to call says how a call is begun, and is told what becomes of it.
import { loadWorklet, startAudio } from '@/audio/context'
import phoneWorklet from '@/audio/phone.worklet.ts?worker&url'
import { MediaStream as Stream, type Words } from './stream'

export type CallState = 'idle' | 'asking' | 'dialling' | 'ringing' | 'talking' | 'ended' | 'failed'
export type Problem = 'microphone_denied' | 'microphone_missing' | 'offline' | 'busy' | 'too_many' | 'closed' | 'refused' | 'not_signed_in'

export interface Change {
  state: CallState
  callId: string | null
  startedAt: number | null
  endedAt: number | null
  muted: boolean
  problem: Problem | null
  /** The server's own words, where it has some. */
  detail: string | null
  /** Frames sent and marks played; for tests and for the doubtful. */
  sent: number
  marks: number
}

export const idle: Change = {
  state: 'idle',
  callId: null,
  startedAt: null,
  endedAt: null,
  muted: false,
  problem: null,
  detail: null,
  sent: 0,
  marks: 0,
}

export interface Levels {
  microphone: number
  ear: number
}

interface Wishes {
  /** Begins a call at the server. May throw an error with `status`, 0 when there was no answer, and `code`. */
  begin: () => Promise<{ url: string; call_id: string }>
  change: (change: Partial<Change>) => void
  levels: (levels: Levels) => void
  words?: (words: Words) => void
}

/** Close codes of a server that does not take the call: "policy violation", and "try again later". */
const REFUSED = 1008
const BUSY = 1013

interface Line {
  socket: WebSocket | null
  node: AudioWorkletNode
  microphone: MediaStream
  source: MediaStreamAudioSourceNode
  stream: Stream | null
}

export class Caller {
  private line: Line | null = null
  private attempt = 0
  private state: CallState = 'idle'
  private readonly level: Levels = { microphone: 0, ear: 0 }

  constructor(private readonly wishes: Wishes) {}

  /** To be called from a click's handler: that is what permits sound. */
  async call() {
    this.hangUp()
    const mine = ++this.attempt
    this.show({ ...idle, state: 'asking' })
    try {
      const audio = await startAudio()
      const microphone = await navigator.mediaDevices.getUserMedia({
        audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
      })
      if (mine !== this.attempt) return release(microphone)
      this.show({ state: 'dialling' })
      await loadWorklet(audio, phoneWorklet)
      const node = new AudioWorkletNode(audio, 'switchboard-phone', { numberOfInputs: 1, outputChannelCount: [1] })
      const source = audio.createMediaStreamSource(microphone)
      source.connect(node).connect(audio.destination)
      const line: Line = { socket: null, node, microphone, source, stream: null }
      this.line = line
      const place = await this.wishes.begin()
      if (mine !== this.attempt) return
      this.show({ state: 'ringing', callId: place.call_id })
      this.connect(line, place.url, place.call_id)
    } catch (error) {
      if (mine !== this.attempt) return
      this.end(problemOf(error), detailOf(error))
    }
  }

  hangUp() {
    this.attempt += 1
    const { line } = this
    if (line?.socket?.readyState === WebSocket.OPEN && line.stream) line.socket.send(line.stream.stop())
    if (line) this.end(null)
    else if (this.state === 'asking') this.show(idle)
  }

  pressKey(digit: string) {
    const { line } = this
    if (line?.stream && line.socket?.readyState === WebSocket.OPEN) line.socket.send(line.stream.dtmf(digit))
  }

  mute(muted: boolean) {
    this.line?.node.port.postMessage({ muted })
    this.show({ muted })
  }

  private show(change: Partial<Change>) {
    if (change.state) this.state = change.state
    this.wishes.change(change)
  }

  private connect(mine: Line, path: string, callId: string) {
    const url = new URL(path, location.href)
    url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:'
    const socket = new WebSocket(url)
    const stream = new Stream(callId)
    mine.socket = socket
    mine.stream = stream
    let sent = 0
    let marks = 0
    socket.onopen = () => {
      socket.send(stream.connected())
      socket.send(stream.start())
    }
    socket.onmessage = ({ data }) => {
      if (this.line !== mine) return
      const heard = Stream.hear(String(data))
      if (!heard) return
      if ('words' in heard) return this.wishes.words?.(heard.words)
      mine.node.port.postMessage(heard)
      if ('sound' in heard && this.state === 'ringing') this.show({ state: 'talking', startedAt: Date.now() })
    }
    socket.onclose = ({ code }) => {
      if (this.line !== mine) return
      const refused = this.state === 'ringing' && (sent === 0 || code === REFUSED)
      this.end(code === BUSY ? 'busy' : refused ? 'refused' : null)
    }
    mine.node.port.onmessage = ({ data }) => {
      if (data.mark !== undefined) {
        if (socket.readyState === WebSocket.OPEN) socket.send(stream.mark(data.mark))
        marks += 1
        return this.show({ marks })
      }
      if (!data.frame) return this.meter('ear', data.level)
      this.meter('microphone', data.level)
      // A stuck connection: sound that is late is worth nothing, so it is dropped rather than queued.
      if (socket.readyState !== WebSocket.OPEN || socket.bufferedAmount > 16_000) return
      socket.send(stream.media(data.frame))
      sent += 1
      if (sent % 50 === 0) this.show({ sent })
    }
  }

  private end(problem: Problem | null, detail: string | null = null) {
    const left = this.line
    this.line = null
    left?.socket?.close(1000)
    left?.source.disconnect()
    left?.node.disconnect()
    if (left) release(left.microphone)
    this.meter('ear', 0)
    this.meter('microphone', 0)
    this.show({ state: problem ? 'failed' : 'ended', endedAt: Date.now(), problem, detail })
  }

  private meter(side: keyof Levels, level: number) {
    this.level[side] = level
    this.wishes.levels(this.level)
  }
}

function release(microphone: MediaStream) {
  for (const track of microphone.getTracks()) track.stop()
}

const CODES: Record<string, Problem> = { lines_busy: 'busy', too_many: 'too_many', not_found: 'closed' }

function problemOf(error: unknown): Problem {
  const { status, code } = error as { status?: unknown; code?: unknown }
  if (typeof status === 'number') {
    if (status === 0) return 'offline'
    return status === 401 ? 'not_signed_in' : (CODES[String(code)] ?? 'refused')
  }
  const name = error instanceof DOMException ? error.name : ''
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'microphone_denied'
  if (name === 'NotFoundError' || name === 'NotReadableError' || error instanceof TypeError) return 'microphone_missing'
  return 'refused'
}

/** Only where our own words say less: a problem that we know is told in the reader's language. */
function detailOf(error: unknown): string | null {
  return problemOf(error) === 'refused' && error instanceof Error && 'status' in error ? error.message : null
}
