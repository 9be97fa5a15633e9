// Keys for machines. The secret is shown once, when it is made.
import { useMutation, useQuery } from '@tanstack/react-query'
import { KeyRound, Plus, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from '@/i18n'
import { api, body } from '@/api/client'
import type { ApiKey, Role } from '@/api/model'
import { apiKeysQuery, queries } from '@/api/queries'
import { date, dateAndTime } from '@/i18n/format'
import { keys } from '@/live/patch'
import { complain } from '@/shell/complaints'
import { Button, IconButton } from '@/ui/Button'
import { Confirm, Dialog } from '@/ui/Dialog'
import { Field, Input, Select } from '@/ui/Field'
import { Bone, Empty, Loading, Trouble, useProblem } from '@/ui/State'
import { useNow } from '@/ui/useNow'
import { AdminsOnly, CopyText, Page } from './Page'
import { useAdmin } from './SettingsPage'

export default function ApiKeysPage() {
  const { t } = useTranslation()
  const admin = useAdmin()
  const [making, setMaking] = useState(false)
  return (
    <Page
      title={t('place.keys')}
      about={t('settings.keys.about')}
      action={
        admin && (
          <Button kind="primary" icon={<Plus className="size-4" />} onClick={() => setMaking(true)}>
            {t('settings.keys.make')}
          </Button>
        )
      }
    >
      {admin ? <List /> : <AdminsOnly />}
      {making && <Make onClose={() => setMaking(false)} />}
    </Page>
  )
}

function List() {
  const { t } = useTranslation()
  const query = useQuery(apiKeysQuery)
  const [leaving, setLeaving] = useState<ApiKey | null>(null)
  const now = useNow(60_000)
  const revoke = useMutation({
    mutationFn: (id: string) => api.DELETE('/api/v1/api-keys/{id}', { params: { path: { id } } }),
    onSuccess: () => queries.invalidateQueries({ queryKey: keys.apiKeys }),
    onError: complain,
  })
  if (query.isPending) {
    return (
      <Loading>
        <Bone className="h-12 w-full" />
      </Loading>
    )
  }
  if (query.isError) return <Trouble error={query.error} retry={() => void query.refetch()} className="mx-0" />
  if (query.data.items.length === 0) {
    return (
      <div className="h-56 border-t">
        <Empty icon={<KeyRound />} title={t('settings.keys.none')}>
          {t('settings.keys.none_help')}
        </Empty>
      </div>
    )
  }
  return (
    <>
      <ul className="border-t">
        {query.data.items.map((key) => (
          <li key={key.id} className="flex items-center gap-3 border-b py-2.5">
            <KeyRound className="size-4 text-ink-3" aria-hidden />
            <div className="min-w-0 flex-1">
              <p className="truncate text-sm font-medium">
                <bdi>{key.name}</bdi> <bdi dir="ltr" className="font-mono text-xs font-normal text-ink-3">sbk_…{key.last_four}</bdi>
              </p>
              <p className="truncate text-xs text-ink-3">
                {t(`role.${key.role}`)} · {t('settings.keys.made', { date: date(key.created_at) })} ·{' '}
                {key.last_used_at ? t('settings.keys.used', { date: dateAndTime(key.last_used_at, now) }) : t('settings.keys.unused')}
              </p>
            </div>
            <IconButton label={t('settings.keys.revoke_named', { name: key.name })} icon={<Trash2 className="size-4" />} onClick={() => setLeaving(key)} />
          </li>
        ))}
      </ul>
      <Confirm
        open={leaving !== null}
        onClose={() => setLeaving(null)}
        onConfirm={() => leaving && revoke.mutate(leaving.id)}
        title={t('settings.keys.revoke_title', { name: leaving?.name ?? '' })}
        description={t('settings.keys.revoke_help')}
        confirm={t('settings.keys.revoke')}
      />
    </>
  )
}

function Make({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation()
  const [name, setName] = useState('')
  const [role, setRole] = useState<Role>('staff')
  const make = useMutation({
    mutationFn: () => body(api.POST('/api/v1/api-keys', { body: { name, role } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: keys.apiKeys }),
  })
  const problem = useProblem(make.error)
  if (make.data) {
    return (
      <Dialog open onClose={onClose} title={t('settings.keys.made_title')} description={t('settings.keys.made_help')}>
        <CopyText text={make.data.secret} label={t('settings.keys.secret')} />
      </Dialog>
    )
  }
  return (
    <Dialog open onClose={onClose} title={t('settings.keys.make')}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault()
          make.mutate()
        }}
      >
        <Field label={t('settings.keys.name')} help={t('settings.keys.name_help')}>
          {(ids) => <Input {...ids} autoFocus required maxLength={120} value={name} onChange={(event) => setName(event.target.value)} />}
        </Field>
        <Field label={t('settings.team.role')} help={t(`role.${role}_help` as 'role.staff_help')}>
          {(ids) => (
            <Select {...ids} value={role} onChange={(event) => setRole(event.target.value as Role)}>
              {(['admin', 'staff', 'read_only'] as const).map((each) => (
                <option key={each} value={each}>
                  {t(`role.${each}`)}
                </option>
              ))}
            </Select>
          )}
        </Field>
        {make.error && (
          <p role="alert" className="text-sm text-danger">
            {problem}
          </p>
        )}
        <Button kind="primary" type="submit" disabled={make.isPending} className="self-end">
          {t('settings.keys.make')}
        </Button>
      </form>
    </Dialog>
  )
}
