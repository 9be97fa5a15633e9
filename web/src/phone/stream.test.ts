// The phone speaks Twilio's protocol to the letter.
import { describe, expect, it } from 'vitest'
import { MediaStream } from './stream'

const CALL = '0192f3a4-0000-7000-8000-000000000001'

describe('the phone’s media stream', () => {
  it('numbers everything but the first message, as strings', () => {
    const stream = new MediaStream(CALL)
    expect(JSON.parse(stream.connected())).toEqual({ event: 'connected', protocol: 'Call', version: '1.0.0' })
    const start = JSON.parse(stream.start())
    expect(start.sequenceNumber).toBe('1')
    expect(start.streamSid).toMatch(/^MZ[0-9a-f]{32}$/)
    expect(start.start).toMatchObject({
      streamSid: stream.streamSid,
      callSid: CALL,
      tracks: ['inbound'],
      mediaFormat: { encoding: 'audio/x-mulaw', sampleRate: 8000, channels: 1 },
    })
    expect(JSON.parse(stream.media(new Uint8Array(160)))).toMatchObject({
      sequenceNumber: '2',
      media: { track: 'inbound', chunk: '1', timestamp: '0' },
    })
    expect(JSON.parse(stream.media(new Uint8Array(160)))).toMatchObject({ sequenceNumber: '3', media: { chunk: '2', timestamp: '20' } })
    expect(JSON.parse(stream.dtmf('5'))).toMatchObject({ sequenceNumber: '4', dtmf: { track: 'inbound_track', digit: '5' } })
    expect(JSON.parse(stream.mark('m'))).toMatchObject({ sequenceNumber: '5', mark: { name: 'm' } })
    expect(JSON.parse(stream.stop())).toMatchObject({ sequenceNumber: '6', stop: { callSid: CALL } })
  })

  it('hears media, marks and clear, and nothing else', () => {
    expect(MediaStream.hear('{"event":"media","streamSid":"MZ","media":{"payload":"AP8="}}')).toEqual({ sound: Uint8Array.of(0, 255) })
    expect(MediaStream.hear('{"event":"mark","streamSid":"MZ","mark":{"name":"a"}}')).toEqual({ mark: 'a' })
    expect(MediaStream.hear('{"event":"clear","streamSid":"MZ"}')).toEqual({ clear: true })
    expect(MediaStream.hear('{"event":"what"}')).toBeNull()
    expect(MediaStream.hear('nonsense')).toBeNull()
  })
})
