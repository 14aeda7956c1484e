local actions = {}

-- A failed stage gets one more Job.
actions.retry = {disabled = true}
for _, stage in ipairs(obj.status ~= nil and obj.status.stages or {}) do
  if stage.state == "Failed" then
    actions.retry.disabled = false
  end
end

-- Everything is computed again, whatever the cache holds.
actions.refresh = {disabled = false}

local suspended = obj.spec.suspend == true
actions.suspend = {disabled = suspended}
actions.resume = {disabled = not suspended}

-- Only what trades can be halted. A halt ends by taking the annotation off, or by its id: not from here.
local annotations = obj.metadata.annotations or {}
actions.halt = {disabled = obj.spec.mode ~= "Paper" or annotations["trading.ats.dev/halt"] ~= nil}

return actions
