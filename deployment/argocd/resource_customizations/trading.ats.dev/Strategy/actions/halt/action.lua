local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["trading.ats.dev/halt"] = "by Argo CD, " .. os.date("!%Y-%m-%dT%XZ")
return obj
