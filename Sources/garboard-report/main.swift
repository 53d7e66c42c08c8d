import CommandSupport

GarboardReport.main()
