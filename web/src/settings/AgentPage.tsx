// The voice agent's settings, as sentences: who answers, what it says, when, and what it may do.
import { useMutation, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { PhoneCall, Plus, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from '@/i18n'
import { Trans } from '@/i18n/Trans'
import { api, ApiError } from '@/api/client'
import type { AgentSettings } from '@/api/model'
import { agentSettingsQuery, queries, type VersionedSettings } from '@/api/queries'
import { keys } from '@/live/patch'
import { Button, IconButton } from '@/ui/Button'
import { Field, Input, Select, Switch, Textarea } from '@/ui/Field'
import { Bone, Loading, Trouble, useProblem } from '@/ui/State'
import { Hours } from './Hours'
import { AdminsOnly, Page, Section, Sentence } from './Page'
import { useAdmin } from './SettingsPage'

const VOICES = ['alloy', 'ash', 'ballad', 'cedar', 'coral', 'echo', 'marin', 'sage', 'shimmer', 'verse']
const SPOKEN = ['en', 'he', 'ar', 'es', 'fr', 'de', 'pt', 'it', 'ru', 'nl', 'pl', 'tr', 'uk', 'hi', 'zh', 'ja']

export default function AgentPage() {
  const { t } = useTranslation()
  const query = useQuery(agentSettingsQuery)
  if (query.isPending) {
    return (
      <Page title={t('place.agent')} about={t('settings.agent.about')}>
        <Loading>
          <div className="space-y-4">
            <Bone className="h-9 w-2/3" />
            <Bone className="h-9 w-full" />
            <Bone className="h-28 w-full" />
          </div>
        </Loading>
      </Page>
    )
  }
  if (query.isError) return <Trouble error={query.error} retry={() => void query.refetch()} />
  return <Form stored={query.data} />
}

function Form({ stored }: { stored: VersionedSettings }) {
  const { t, language } = useTranslation()
  const admin = useAdmin()
  const [draft, setDraft] = useState<AgentSettings | null>(null)
  const now = draft ?? stored.settings
  const set = (part: Partial<AgentSettings>) => setDraft({ ...now, ...part })
  const dirty = draft !== null && JSON.stringify(draft) !== JSON.stringify(stored.settings)
  const names = new Intl.DisplayNames([language], { type: 'language' })
  const number = (event: React.ChangeEvent<HTMLInputElement>) => Number(event.target.value)
  return (
    <Page
      title={t('place.agent')}
      about={t('settings.agent.about')}
      action={
        <Link to="/phone" className="inline-flex h-8 items-center gap-1.5 rounded border border-line-strong px-3 text-sm font-medium hover:bg-hover">
          <PhoneCall className="size-4" aria-hidden />
          {t('settings.agent.try', { name: now.name })}
        </Link>
      }
    >
      {!admin && <AdminsOnly />}
      <fieldset disabled={!admin} className="contents">
        <Section title={t('settings.agent.who')}>
          <Sentence>
            <Trans
              name="settings.agent.s_who"
              parts={{
                name: <Input className="max-w-36" aria-label={t('settings.agent.l_name')} value={now.name} onChange={(event) => set({ name: event.target.value })} />,
                agent: (
                  <Select aria-label={t('settings.agent.l_agent')} value={now.agent} onChange={(event) => set({ agent: event.target.value as AgentSettings['agent'] })}>
                    <option value="realtime">{t('agent.realtime')}</option>
                    <option value="receptionist">{t('agent.receptionist')}</option>
                  </Select>
                ),
              }}
            />
          </Sentence>
          <p className="text-sm text-ink-3">{t(`settings.agent.help_${now.agent}`)}</p>
          <Sentence>
            <Trans
              name="settings.agent.s_voice"
              parts={{
                voice: (
                  <Select aria-label={t('settings.agent.l_voice')} value={now.voice} onChange={(event) => set({ voice: event.target.value })}>
                    {[...new Set([...VOICES, now.voice])].map((voice) => (
                      <option key={voice}>{voice}</option>
                    ))}
                  </Select>
                ),
                language: (
                  <Select aria-label={t('settings.agent.l_language')} value={now.language} onChange={(event) => set({ language: event.target.value })}>
                    {[...new Set([...SPOKEN, now.language])].map((code) => (
                      <option key={code} value={code}>
                        {names.of(code)}
                      </option>
                    ))}
                  </Select>
                ),
              }}
            />
          </Sentence>
          <Field label={t('settings.agent.greeting')} help={t('settings.agent.greeting_help')}>
            {(ids) => <Textarea {...ids} dir="auto" rows={2} value={now.greeting} onChange={(event) => set({ greeting: event.target.value })} />}
          </Field>
          <Field label={t('settings.agent.instructions')} help={t('settings.agent.instructions_help')}>
            {(ids) => <Textarea {...ids} dir="auto" rows={8} value={now.instructions} onChange={(event) => set({ instructions: event.target.value })} />}
          </Field>
        </Section>

        <Section title={t('settings.agent.when')}>
          <Hours hours={now.hours} onChange={(hours) => set({ hours })} />
          <Sentence>
            <Trans
              name="settings.agent.s_outside"
              parts={{
                what: (
                  <Select aria-label={t('settings.agent.l_outside')} value={now.outside_hours} onChange={(event) => set({ outside_hours: event.target.value as AgentSettings['outside_hours'] })}>
                    <option value="answer">{t('settings.agent.o_answer')}</option>
                    <option value="voicemail">{t('settings.agent.o_voicemail')}</option>
                    <option value="forward">{t('settings.agent.o_forward')}</option>
                  </Select>
                ),
              }}
            />
          </Sentence>
          <Sentence>
            <Trans
              name="settings.agent.s_busy"
              parts={{
                what: (
                  <Select aria-label={t('settings.agent.l_busy')} value={now.over_capacity} onChange={(event) => set({ over_capacity: event.target.value as AgentSettings['over_capacity'] })}>
                    <option value="voicemail">{t('settings.agent.o_voicemail')}</option>
                    <option value="forward">{t('settings.agent.o_forward')}</option>
                  </Select>
                ),
              }}
            />
          </Sentence>
          {(now.over_capacity === 'forward' || now.outside_hours === 'forward') && (
            <Sentence>
              <Trans
                name="settings.agent.s_forward"
                parts={{
                  number: (
                    <Input
                      type="tel"
                      dir="ltr"
                      className="max-w-44"
                      placeholder="+15550100"
                      aria-label={t('settings.agent.l_forward')}
                      value={now.forward_to ?? ''}
                      onChange={(event) => set({ forward_to: event.target.value || null })}
                    />
                  ),
                }}
              />
            </Sentence>
          )}
          <Sentence>
            <Trans
              name="settings.agent.s_limits"
              parts={{
                minutes: (
                  <Input
                    type="number"
                    min={1}
                    max={240}
                    className="max-w-20"
                    aria-label={t('settings.agent.l_minutes')}
                    value={Math.round(now.max_duration_s / 60)}
                    onChange={(event) => set({ max_duration_s: number(event) * 60 })}
                  />
                ),
                seconds: (
                  <Input
                    type="number"
                    min={5}
                    max={120}
                    className="max-w-20"
                    aria-label={t('settings.agent.l_seconds')}
                    value={now.silence_s}
                    onChange={(event) => set({ silence_s: number(event) })}
                  />
                ),
              }}
            />
          </Sentence>
        </Section>

        <Section title={t('settings.agent.may')} about={t('settings.agent.may_about')}>
          {(['take_message', 'transfer', 'send_sms', 'hang_up'] as const).map((tool) => (
            <div key={tool} className="flex items-center gap-3">
              <Switch
                label={t(`settings.agent.tool_${tool}`)}
                checked={now.tools[tool]}
                disabled={!admin}
                onChange={(on) => set({ tools: { ...now.tools, [tool]: on } })}
              />
              <span className="text-base">{t(`settings.agent.tool_${tool}`)}</span>
            </div>
          ))}
          <Targets settings={now} set={set} />
        </Section>

        <Section title={t('settings.agent.menu')} about={t('settings.agent.menu_about')}>
          <MenuRows settings={now} set={set} />
        </Section>
      </fieldset>
      {dirty && <SaveBar draft={now} etag={stored.etag} onDone={() => setDraft(null)} />}
    </Page>
  )
}

interface PartProps {
  settings: AgentSettings
  set: (part: Partial<AgentSettings>) => void
}

function Targets({ settings, set }: PartProps) {
  const { t } = useTranslation()
  const rows = settings.transfer_targets
  const change = (n: number, part: Partial<(typeof rows)[number]>) => set({ transfer_targets: rows.with(n, { ...rows[n]!, ...part }) })
  return (
    <div className="flex flex-col gap-2">
      <p className="text-sm font-medium">{t('settings.agent.targets')}</p>
      {rows.map((row, n) => (
        <div key={n} className="flex items-center gap-2">
          <Input aria-label={t('settings.agent.target_name')} placeholder={t('settings.agent.target_name')} value={row.name} onChange={(event) => change(n, { name: event.target.value })} />
          <Input
            type="tel"
            dir="ltr"
            aria-label={t('settings.agent.target_number')}
            placeholder="+15550100"
            value={row.number}
            onChange={(event) => change(n, { number: event.target.value })}
          />
          <IconButton label={t('common.remove')} icon={<Trash2 className="size-4" />} onClick={() => set({ transfer_targets: rows.toSpliced(n, 1) })} />
        </div>
      ))}
      <Button size="sm" className="self-start" icon={<Plus className="size-3.5" />} onClick={() => set({ transfer_targets: [...rows, { name: '', number: '' }] })}>
        {t('settings.agent.add_target')}
      </Button>
    </div>
  )
}

function MenuRows({ settings, set }: PartProps) {
  const { t } = useTranslation()
  const rows = settings.menu
  const change = (n: number, part: Partial<(typeof rows)[number]>) => set({ menu: rows.with(n, { ...rows[n]!, ...part }) })
  const free = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '0'].filter((digit) => !rows.some((row) => row.digit === digit))
  return (
    <div className="flex flex-col gap-2">
      {rows.map((row, n) => (
        <div key={n} className="flex flex-wrap items-center gap-2">
          <Select aria-label={t('settings.agent.menu_digit')} className="w-16" value={row.digit} onChange={(event) => change(n, { digit: event.target.value })}>
            {[row.digit, ...free].map((digit) => (
              <option key={digit}>{digit}</option>
            ))}
          </Select>
          <Input
            className="min-w-32 flex-1"
            dir="auto"
            aria-label={t('settings.agent.menu_label')}
            placeholder={t('settings.agent.menu_label')}
            value={row.label}
            onChange={(event) => change(n, { label: event.target.value })}
          />
          <Select aria-label={t('settings.agent.menu_action')} value={row.action} onChange={(event) => change(n, { action: event.target.value as typeof row.action })}>
            <option value="message">{t('settings.agent.action_message')}</option>
            <option value="transfer">{t('settings.agent.action_transfer')}</option>
            <option value="hang_up">{t('settings.agent.action_hang_up')}</option>
          </Select>
          {row.action === 'transfer' && (
            <Input
              type="tel"
              dir="ltr"
              className="max-w-40"
              aria-label={t('settings.agent.target_number')}
              placeholder="+15550100"
              value={row.transfer_to ?? ''}
              onChange={(event) => change(n, { transfer_to: event.target.value || null })}
            />
          )}
          <IconButton label={t('common.remove')} icon={<Trash2 className="size-4" />} onClick={() => set({ menu: rows.toSpliced(n, 1) })} />
        </div>
      ))}
      <Button
        size="sm"
        className="self-start"
        icon={<Plus className="size-3.5" />}
        disabled={free.length === 0}
        onClick={() => set({ menu: [...rows, { digit: free[0]!, label: '', action: 'message', transfer_to: null }] })}
      >
        {t('settings.agent.add_menu')}
      </Button>
    </div>
  )
}

/** Nothing changes for callers until it is said here; somebody else's change in between is never overwritten unseen. */
function SaveBar({ draft, etag, onDone }: { draft: AgentSettings; etag: string | null; onDone: () => void }) {
  const { t } = useTranslation()
  const save = useMutation({
    mutationFn: async () => {
      const { data, response } = await api.PUT('/api/v1/agent-settings', {
        params: { header: etag ? { 'If-Match': etag } : {} },
        body: draft,
      })
      return { settings: data ?? draft, etag: response.headers.get('ETag') }
    },
    onSuccess: (stored) => {
      queries.setQueryData(keys.agentSettings, stored)
      onDone()
    },
  })
  const problem = useProblem(save.error)
  const stale = save.error instanceof ApiError && save.error.status === 412
  return (
    <div role="region" aria-label={t('settings.save')} className="appear fixed inset-x-3 bottom-16 z-30 mx-auto flex max-w-xl flex-wrap items-center gap-2 rounded bg-raised p-2 ps-4 shadow-float sm:bottom-4">
      <p className="min-w-40 flex-1 text-sm" role={save.error ? 'alert' : undefined}>
        {stale ? t('settings.stale') : save.error ? problem : t('settings.unsaved')}
      </p>
      <Button
        kind="quiet"
        onClick={() => {
          onDone()
          if (stale) void queries.invalidateQueries({ queryKey: keys.agentSettings })
        }}
      >
        {stale ? t('settings.show_theirs') : t('settings.discard')}
      </Button>
      {!stale && (
        <Button kind="primary" disabled={save.isPending} onClick={() => save.mutate()}>
          {save.isPending ? t('settings.saving') : t('settings.save')}
        </Button>
      )}
    </div>
  )
}
