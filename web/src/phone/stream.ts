// The browser phone's side of a media stream: the messages that Twilio would send and receive, without any sound in it.
import { FRAME, fromBase64, toBase64 } from '@/audio/mulaw'

export type FromServer =
  | { event: 'media'; media: { payload: string } }
  | { event: 'mark'; mark: { name: string } }
  | { event: 'clear' }
  | { event: 'transcript'; transcript: Words }

/** What one side said, or is saying. Later words of the same turn replace the earlier ones. */
export interface Words {
  ordinal: number
  speaker: 'caller' | 'agent' | 'staff'
  text: string
  whole: boolean
}

export type Heard = { sound: Uint8Array } | { mark: string } | { clear: true } | { words: Words }

/** Numbers and names every message of one call, as the protocol wants: counters and times are strings. */
export class MediaStream {
  readonly streamSid: string
  private sequence = 0
  private chunk = 0

  /** `callSid` is the call's own id: nobody else has named this call. */
  constructor(
    private readonly callSid: string,
    random: () => number = Math.random,
  ) {
    this.streamSid = `MZ${Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16)).join('')}`
  }

  private get accountSid() {
    return `AC${'0'.repeat(32)}`
  }

  private next(): string {
    this.sequence += 1
    return String(this.sequence)
  }

  connected(): string {
    return JSON.stringify({ event: 'connected', protocol: 'Call', version: '1.0.0' })
  }

  start(): string {
    return JSON.stringify({
      event: 'start',
      sequenceNumber: this.next(),
      start: {
        accountSid: this.accountSid,
        streamSid: this.streamSid,
        callSid: this.callSid,
        tracks: ['inbound'],
        mediaFormat: { encoding: 'audio/x-mulaw', sampleRate: 8000, channels: 1 },
        customParameters: {},
      },
      streamSid: this.streamSid,
    })
  }

  media(codes: Uint8Array): string {
    this.chunk += 1
    return JSON.stringify({
      event: 'media',
      sequenceNumber: this.next(),
      media: {
        track: 'inbound',
        chunk: String(this.chunk),
        timestamp: String(((this.chunk - 1) * FRAME) / 8),
        payload: toBase64(codes),
      },
      streamSid: this.streamSid,
    })
  }

  dtmf(digit: string): string {
    return JSON.stringify({
      event: 'dtmf',
      streamSid: this.streamSid,
      sequenceNumber: this.next(),
      dtmf: { track: 'inbound_track', digit },
    })
  }

  mark(name: string): string {
    return JSON.stringify({ event: 'mark', sequenceNumber: this.next(), streamSid: this.streamSid, mark: { name } })
  }

  stop(): string {
    return JSON.stringify({
      event: 'stop',
      sequenceNumber: this.next(),
      streamSid: this.streamSid,
      stop: { accountSid: this.accountSid, callSid: this.callSid },
    })
  }

  /** What a message of the server means for the ear; null when it is none we know. */
  static hear(text: string): Heard | null {
    let message: FromServer
    try {
      message = JSON.parse(text) as FromServer
    } catch {
      return null
    }
    if (message.event === 'media') return { sound: fromBase64(message.media.payload) }
    if (message.event === 'mark') return { mark: message.mark.name }
    if (message.event === 'transcript') return { words: message.transcript }
    return message.event === 'clear' ? { clear: true } : null
  }
}
