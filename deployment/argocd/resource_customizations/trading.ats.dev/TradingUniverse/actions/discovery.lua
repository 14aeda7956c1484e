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

return actions
