-- What the conditions say, as the table in docs/reference/states.md tells Argo CD's part of it.
local status = obj.status
if status == nil or status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "the operator has not looked at this generation yet"}
end

local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

local stalled = conditions.Stalled
if stalled ~= nil and stalled.status == "True" then
  return {status = "Degraded", message = stalled.message}
end

local ready = conditions.Ready
if obj.spec.suspend then
  return {status = "Suspended", message = ready ~= nil and ready.message or "suspended"}
end

local reconciling = conditions.Reconciling
if reconciling ~= nil and reconciling.status == "True" then
  return {status = "Progressing", message = reconciling.message}
end

if ready ~= nil and ready.status == "True" then
  return {status = "Healthy", message = ready.message}
end

return {status = "Progressing", message = ready ~= nil and ready.message or "no condition Ready yet"}
