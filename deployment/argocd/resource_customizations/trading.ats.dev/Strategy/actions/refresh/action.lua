local os = require("os")
obj.spec.rerunNonce = os.date("!%Y-%m-%dT%XZ")
return obj
